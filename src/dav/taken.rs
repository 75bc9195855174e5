//! What a share doesn't take: files of an excluded extension, and larger ones than its policy allows.

use http::StatusCode;

use super::engine;
use crate::error::HttpError;
use crate::guard::Reached;
use crate::tree::Node;
use crate::tree::scratch::is_exempt;

/// Confirms that a file of this name may be put into the share; the temporary files of editors always may. Errors: 403.
pub fn confirm_name(reached: &Reached, name: &str) -> Result<(), HttpError> {
    match reached.measures().excludes(name) {
        Some(extension) if !is_exempt(name) => {
            let text =
                format!("Files with the extension `.{extension}` are not taken here (policy `excluded_extensions`).");
            Err(HttpError::new(StatusCode::FORBIDDEN, text))
        }
        Some(_) | None => Ok(()),
    }
}

/// Confirms that a file of so many bytes may be put into the share. Errors: 413.
pub fn confirm_size(reached: &Reached, bytes: u64) -> Result<(), HttpError> {
    match reached.measures().max_file_bytes() {
        Some(bytes_max) if bytes > bytes_max => Err(engine::too_large(bytes_max)),
        Some(_) | None => Ok(()),
    }
}

/// Confirms that what COPY and MOVE bring to a name may be there. What lies inside of a collection is not looked at. Errors: 403, 413.
pub fn confirm_brought(to: &Reached, name: &str, source: &Node) -> Result<(), HttpError> {
    if source.is_collection() {
        return Ok(());
    }
    confirm_name(to, name)?;
    if source.share == to.share.id { Ok(()) } else { confirm_size(to, source.size) }
}
