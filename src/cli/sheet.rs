//! A table that somebody made elsewhere: CSV (RFC 4180) with a line of headings, bounded in every direction.
//!
//! Separated by commas, or by semicolons as spreadsheets of many countries write it. Cells are text and nothing else: what
//! looks like a formula is not computed, here or anywhere.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::output::Failure;

/// Bytes of a file.
const SHEET_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Rows below the headings.
pub(super) const ROWS_MAX: usize = 10_000;
/// Problems that are told of one file.
const PROBLEMS_MAX: usize = 100;

/// One row.
pub(super) struct Row {
    /// Where it begins in the file; the headings are line 1.
    pub line: u64,
    cells: Vec<String>,
    columns: Vec<Option<usize>>,
}

impl Row {
    /// The cell below one of the known headings, by its place among them; empty if the file lacks the column. Without
    /// blanks at its ends.
    pub fn cell(&self, heading: usize) -> &str {
        self.columns[heading].and_then(|column| self.cells.get(column)).map_or("", |cell| cell.trim())
    }

    /// What stands in a cell, separated by semicolons.
    pub fn parts(&self, heading: usize) -> impl Iterator<Item = &str> {
        self.cell(heading).split(';').map(str::trim).filter(|part| !part.is_empty())
    }

    /// `yes` or `no`; empty is no.
    pub fn is_yes(&self, heading: usize) -> Result<bool, String> {
        match self.cell(heading).to_ascii_lowercase().as_str() {
            "yes" | "true" | "1" | "x" => Ok(true),
            "" | "no" | "false" | "0" => Ok(false),
            other => Err(format!("`{}` is neither yes nor no", other.escape_debug())),
        }
    }
}

/// Reads a file. `known`: the headings that it may have, the first of which it must have.
///
/// Fails with the line of what is wrong.
pub(super) fn read(file: &Path, known: &[&str]) -> Result<Vec<Row>, Failure> {
    let mut bytes = Vec::new();
    let named = |problem: String| Failure::new(format!("`{}`: {problem}", file.display()));
    let open = File::open(file).map_err(|error| named(error.to_string()))?;
    open.take(SHEET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| named(error.to_string()))?;
    if bytes.len() as u64 > SHEET_BYTES_MAX {
        return Err(named(format!("a table has at most {SHEET_BYTES_MAX} bytes")));
    }
    parse(&bytes, known).map_err(named)
}

fn parse(bytes: &[u8], known: &[&str]) -> Result<Vec<Row>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let headings_end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let delimiter =
        if bytes[..headings_end].contains(&b',') || !bytes[..headings_end].contains(&b';') { b',' } else { b';' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(bytes);
    let mut records = reader.records();
    let mut lines = Lines { bytes, at: 0, line: 1 };
    let headings = records.next().ok_or("the file is empty")?.map_err(|error| told(&error, &mut lines))?;
    let mut columns = vec![None; known.len()];
    for (column, heading) in headings.iter().enumerate() {
        let heading = heading.trim().to_ascii_lowercase();
        let Some(place) = known.iter().position(|known| *known == heading) else {
            let heading = heading.escape_debug();
            return Err(format!("line 1: there is no column `{heading}`; the columns are {}", known.join(", ")));
        };
        if columns[place].replace(column).is_some() {
            return Err(format!("line 1: the column `{heading}` is there twice"));
        }
    }
    if columns[0].is_none() {
        return Err(format!("line 1: the column `{}` is missing", known[0]));
    }
    let mut rows = Vec::new();
    for record in records {
        let record = record.map_err(|error| told(&error, &mut lines))?;
        let line = lines.of(record.position());
        let cells: Vec<String> = record.iter().map(str::to_owned).collect();
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if rows.len() == ROWS_MAX {
            return Err(format!("line {line}: a table has at most {ROWS_MAX} rows"));
        }
        rows.push(Row { line, cells, columns: columns.clone() });
    }
    Ok(rows)
}

/// Counts lines as an editor shows them; the reader's own count is one behind where they end in CR LF.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which a record begins; records come in order.
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let begin = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
        let blank = |at: &usize| self.bytes.get(*at).is_some_and(|byte| matches!(byte, b'\r' | b'\n'));
        let begin = (begin..self.bytes.len()).find(|at| !blank(at)).unwrap_or(self.bytes.len());
        let passed = self.bytes.get(self.at..begin).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = begin.max(self.at);
        self.line
    }
}

/// The reader's errors in our words.
fn told(error: &csv::Error, lines: &mut Lines<'_>) -> String {
    let line = lines.of(error.position());
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("line {line}: it has {len} cells, and line 1 has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => format!("line {line}: it is no UTF-8"),
        _ => format!("line {line}: it can't be read"),
    }
}

/// What is wrong with a file, line by line; told together.
#[derive(Default)]
pub(super) struct Problems(Vec<(u64, String)>);

impl Problems {
    pub fn add(&mut self, line: u64, problem: String) {
        if self.0.len() <= PROBLEMS_MAX {
            self.0.push((line, problem));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, as one failure.
    pub fn into_failure(mut self, file: &Path) -> Failure {
        let more = self.0.len() > PROBLEMS_MAX;
        self.0.truncate(PROBLEMS_MAX);
        let lines: Vec<String> = self.0.iter().map(|(line, problem)| format!("line {line}: {problem}")).collect();
        let more = if more { "; and more" } else { "" };
        Failure::new(format!("nothing was imported. `{}` {}{more}", file.display(), lines.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["name", "email", "guest"];

    fn cells(text: &str) -> Result<Vec<(u64, String, String)>, String> {
        let rows = parse(text.as_bytes(), &KNOWN)?;
        Ok(rows.iter().map(|row| (row.line, row.cell(0).to_owned(), row.cell(1).to_owned())).collect())
    }

    fn row(line: u64, name: &str, email: &str) -> (u64, String, String) {
        (line, name.to_owned(), email.to_owned())
    }

    #[test]
    fn columns_are_found_by_their_headings_whatever_their_order() {
        let expected = Ok(vec![row(2, "ana", "a@x"), row(3, "ben", "")]);
        for text in [
            "name,email\nana,a@x\nben,\n",
            "email,name\na@x,ana\n,ben",
            "\u{feff}Name;EMAIL\r\nana;a@x\r\nben;\r\n",
            "name,email\n ana ,a@x\n\"ben\",\"\"\n,\n",
        ] {
            assert_eq!(cells(text), expected, "{text:?}");
        }
        assert_eq!(cells("name\nana"), Ok(vec![row(2, "ana", "")]));
    }

    #[test]
    fn a_quoted_cell_may_hold_anything_and_stays_text() {
        let text = "name,email\n\"a, \"\"b\"\"\nc\",=1+1\nlast,x\n";
        assert_eq!(cells(text), Ok(vec![row(2, "a, \"b\"\nc", "=1+1"), row(4, "last", "x")]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, why) in [
            ("", "empty"),
            ("email\na@x", "line 1: the column `name` is missing"),
            ("name,name\n", "line 1: the column `name` is there twice"),
            ("name,password\n", "line 1: there is no column `password`; the columns are name, email, guest"),
            ("name,email\nana\n", "line 2: it has 1 cells, and line 1 has 2"),
            ("name,email\nana,b,c\n", "line 2: it has 3 cells"),
        ] {
            let told = cells(text).unwrap_err();
            assert!(told.contains(why), "{text:?}: {told}");
        }
        let told = parse(b"name\nana\n\xff\xfe\n", &KNOWN).err().unwrap();
        assert!(told.contains("line 3: it is no UTF-8"), "{told}");
        let many = format!("name\n{}", "x\n".repeat(ROWS_MAX + 1));
        assert!(parse(many.as_bytes(), &KNOWN).err().unwrap().contains("at most 10000 rows"));
        assert_eq!(parse(many.trim_end_matches("x\n").as_bytes(), &KNOWN).map(|rows| rows.len()).ok(), Some(0));
    }

    #[test]
    fn yes_and_no_are_read_in_some_spellings_and_others_refused() {
        let rows = parse(b"name,guest\na,Yes\nb,\nc,0\nd,perhaps\n", &KNOWN).unwrap_or_default();
        let read: Vec<_> = rows.iter().map(|row| row.is_yes(2).ok()).collect();
        assert_eq!(read, [Some(true), Some(false), Some(false), None]);
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = parse(&bytes, &KNOWN);
        }
    }
}
