//! The law as tests: its tables cell by cell, its rules one by one, and its properties on random sites.

mod decisions;
mod evaluation;
mod privileges;
mod properties;
mod sentences;
mod site;
mod tables;
mod verbs;
