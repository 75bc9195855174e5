//! Names of files that programs make for a while: owner files, and what a document is moved to while it is saved.

/// Whether it is an owner file, which says that somebody has a document open (`~$report.docx`, `.~lock.report.odt#`). Such
/// files come and go with every document that is opened; they stay out of trash and change log.
pub fn is_owner_file(name: &str) -> bool {
    name.starts_with("~$") || (name.starts_with(".~lock.") && name.ends_with('#'))
}

/// Whether it is what macOS lays beside files and into folders for itself: `._report.docx`, `.DS_Store`. `is_litter` in
/// `sql.rs` is the same.
pub fn is_macos_litter(name: &str) -> bool {
    name.starts_with("._") || name == ".DS_Store"
}

/// Whether a file of this name comes and goes without a trace, in the log as well, where litter of macOS is kept out of it. `is_unmentioned` in `sql.rs` is the
/// same of both policies.
pub fn leaves_no_trace(name: &str, sweeps_litter: bool) -> bool {
    is_owner_file(name) || (sweeps_litter && is_macos_litter(name))
}

/// Whether it looks like a place that an editor moves a document to, or a new state comes from, while it saves: Word's
/// `~WRL0001.tmp`, Excel's `1A2B3C4D`, a backup `plan.txt~`, macOS' `plan.txt.sb-1a2b3c4d-xyz`.
pub fn is_save_scratch(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let excel = name.len() == 8 && name.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    excel
        || lower.starts_with('~')
        || lower.ends_with('~')
        || lower.ends_with(".tmp")
        || lower.ends_with(".bak")
        || lower.contains(".sb-")
}

/// Whether rules about extensions leave it alone, since an editor needs it for a moment to save a document.
pub fn is_exempt(name: &str) -> bool {
    // Whatever else begins with a tilde may be a program by another name.
    let is_temporary = !name.starts_with('~') || name.to_ascii_lowercase().ends_with(".tmp");
    is_owner_file(name) || is_save_scratch(name) && is_temporary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_no_scratch_and_scratch_is_no_document() {
        for name in ["~WRL0001.tmp", "~WRD0000.tmp", "1A2B3C4D", "plan.txt~", "Plan.TMP", "a.docx.sb-1a2b-x"] {
            assert!(is_save_scratch(name), "{name}");
        }
        for name in ["plan.txt", "Report.docx", "1a2b3c4d5", "budget", "tmp.txt"] {
            assert!(!is_save_scratch(name), "{name}");
        }
        for name in ["~WRL0001.tmp", "~$setup.exe", ".~lock.setup.exe#", "setup.exe~", "setup.exe.sb-1a2b-x"] {
            assert!(is_exempt(name), "{name}");
        }
        assert!(!is_exempt("setup.exe") && !is_exempt("~setup.exe"));
        assert!(is_macos_litter("._report.docx") && is_macos_litter(".DS_Store") && !is_macos_litter(".DS_Store.txt"));
        assert!(is_owner_file("~$port.docx") && is_owner_file(".~lock.a.odt#"));
        assert!(!is_owner_file("~WRL0001.tmp") && !is_owner_file(".~lock.a.odt"));
    }
}
