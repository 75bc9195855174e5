//! The law once more, naively, and compared with the decision core.
//!
//! `reference.rs` is written from the law's text alone: it knows the site as plain rows, reads the law's tables itself, and
//! shares no code with the crate (`tests/tidy.rs` sees to that). `gather.rs` does what a guard does: it turns the same rows
//! into facts and asks the crate. `exhaustive.rs` compares the two over every small tree, `organizations.rs` over large ones
//! made at random, and `promises.rs` holds the law's promises against both.
//!
//! `COMMONHOLD_SEED` repeats a random run, `COMMONHOLD_LAW_WORLDS` makes it longer.

mod exhaustive;
mod gather;
mod organizations;
mod promises;
mod reference;
mod world;
