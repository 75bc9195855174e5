//! `export` and `import`: a share's files as plain files of a file system, and back, with their times.

mod export;
mod import;

pub(super) use export::Export;
pub(super) use import::Import;

use serde::Serialize;

/// Things left out that are named; a folder with more has one trouble, not thousands.
const NAMED_MAX: usize = 1_000;

/// What a run did.
#[derive(Debug, Default, Serialize)]
struct Done {
    folders: u64,
    files: u64,
    bytes: u64,
    /// Files that were there already with the same size and time.
    same: u64,
    /// How many were left out.
    left_out: u64,
    /// Which, each with its reason.
    left_out_named: Vec<String>,
}

impl Done {
    /// Something is not brought: that is said, never passed over.
    fn leave_out(&mut self, what: &str, why: &str) {
        self.left_out += 1;
        if self.left_out_named.len() < NAMED_MAX {
            self.left_out_named.push(format!("{}: {why}", what.escape_debug()));
        }
    }

    fn told(&self, verb: &str) -> String {
        let Self { folders, files, bytes, same, left_out, left_out_named } = self;
        let mut told =
            format!("{verb} {files} files of {bytes} bytes and {folders} folders; {same} were there already\n");
        left_out_named.iter().for_each(|line| told.push_str(&format!("left out: {line}\n")));
        if *left_out > left_out_named.len() as u64 {
            told.push_str(&format!("and {} more\n", left_out - left_out_named.len() as u64));
        }
        told
    }
}
