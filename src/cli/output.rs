//! What commands answer: a text for people or JSON for programs, and an exit status.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::directory::DirectoryError;
use crate::shares::ShareError;

/// What a command that did its work says.
pub(super) struct Answer {
    text: String,
    code: u8,
}

impl Answer {
    /// A text, its line ended.
    pub fn said(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        Self { text, code: 0 }
    }

    pub fn json(value: &impl Serialize) -> Self {
        Self::said(serde_json::to_string_pretty(value).expect("plain structs become JSON"))
    }

    /// A list: a JSON array, or a table with a line for each entry.
    pub fn list<T: Serialize>(entries: &[T], json: bool, headings: &[&str], cells: impl Fn(&T) -> Vec<String>) -> Self {
        if json { Self::json(&entries) } else { Self::said(table(Some(headings), entries.iter().map(cells).collect())) }
    }

    /// The same with a text before it.
    pub fn after(self, text: &str) -> Self {
        Self { text: format!("{text}{}", self.text), ..self }
    }

    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Writes it to standard output. A reader that has seen enough (`| head`) is no failure.
    pub fn print(self) -> Result<ExitCode, Failure> {
        match write(&self.text) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(self.code.into()),
        }
    }
}

/// Writes to standard output at once, for commands that go on.
pub(super) fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Why a command couldn't do its work: one line.
pub(super) struct Failure {
    text: String,
    is_denial: bool,
}

impl Failure {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_denial: false }
    }

    /// What the one in whose name the command was run may not do.
    pub fn denied(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_denial: true }
    }

    /// Whether the one in whose name the command was run may not do that.
    pub fn is_denial(&self) -> bool {
        self.is_denial
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let any: &(dyn Error + 'static) = &error;
        let of_directory = match any.downcast_ref() {
            Some(ShareError::Directory(error)) => Some(error),
            _ => any.downcast_ref(),
        };
        Self { text: error.to_string(), is_denial: of_directory.is_some_and(DirectoryError::is_denial) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text.replace('\n', " "))
    }
}

/// Lines of cells, each column as wide as its widest cell.
pub(super) fn table(headings: Option<&[&str]>, rows: Vec<Vec<String>>) -> String {
    Growing { headings: headings.map(in_capitals), widths: Vec::new(), width_max: usize::MAX }.lines(rows)
}

fn in_capitals(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_uppercase()).collect()
}

/// A table of any length that is printed piece by piece; its columns only become wider.
pub(super) struct Growing {
    /// Until they are printed.
    headings: Option<Vec<String>>,
    widths: Vec<usize>,
    width_max: usize,
}

impl Growing {
    /// A cell wider than `width_max` characters pushes the rest of its own line aside and nobody else's.
    pub fn new(headings: &[&str], width_max: usize) -> Self {
        Self { headings: Some(in_capitals(headings)), widths: Vec::new(), width_max }
    }

    /// The next lines, under the headings if they are the first.
    pub fn lines(&mut self, rows: Vec<Vec<String>>) -> String {
        let rows: Vec<Vec<String>> = self.headings.take().into_iter().chain(rows).collect();
        for row in &rows {
            self.widths.resize(self.widths.len().max(row.len()), 0);
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count().min(self.width_max));
            }
        }
        aligned(&rows, &self.widths)
    }
}

fn aligned(rows: &[Vec<String>], widths: &[usize]) -> String {
    let line = |row: &Vec<String>| {
        let padded: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A thing's facts, a line each.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let told = facts.iter().filter(|(_, value)| !value.is_empty());
    table(None, told.map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect())
}

/// The way through groups: `Sales in Everyone`; nothing for a way without any.
pub(super) fn way(path: &[String]) -> String {
    path.join(" in ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_by_characters_and_has_no_blank_ends() {
        let rows = [["é", "x"], ["longer", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(Some(&["name", "role"]), rows.to_vec()), "NAME    ROLE\né       x\nlonger\n");
    }

    #[test]
    fn a_failure_is_one_line() {
        assert_eq!(Failure::new("this\nthat").to_string(), "this that");
    }
}
