//! What a share doesn't take: files of an excluded extension, and larger ones than its policy allows.

use http::StatusCode;

use super::engine;
use crate::error::HttpError;
use crate::guard::{NotTaken, Reached};
use crate::path::Name;
use crate::tree::Node;

/// Confirms that a file of this name and size may be put into the share; 0 bytes where the size isn't known yet or doesn't matter. Errors: 403, 413.
pub fn confirm(reached: &Reached, name: &str, bytes: u64) -> Result<(), HttpError> {
    reached.takes(name, bytes).map_err(told)
}

/// Confirms that something new may have this name there. Errors: 403.
pub fn confirm_name(reached: &Reached, name: &Name) -> Result<(), HttpError> {
    reached.takes_name(name).map_err(told)
}

fn told(why: NotTaken) -> HttpError {
    match why {
        NotTaken::Extension(extension) => {
            let text =
                format!("Files with the extension `.{extension}` are not taken here (policy `excluded_extensions`).");
            HttpError::new(StatusCode::FORBIDDEN, text)
        }
        NotTaken::Bytes(bytes_max) => engine::too_large(bytes_max),
        NotTaken::Name(problem) => {
            let text = format!("{problem}; such names are not taken here (policy `windows_names`).");
            HttpError::new(StatusCode::FORBIDDEN, text)
        }
    }
}

/// Confirms that what COPY and MOVE bring to a name may be there. What lies inside of a collection is not looked at. Errors: 403, 413.
pub fn confirm_brought(to: &Reached, name: &str, source: &Node) -> Result<(), HttpError> {
    if source.is_collection() {
        return Ok(());
    }
    let bytes = if source.share == to.share.id { 0 } else { source.size };
    confirm(to, name, bytes)
}
