//! The `Authorization` header of HTTP Basic, in UTF-8 (RFC 7617). Total: any header is credentials or an error.

use data_encoding::BASE64;
use http::HeaderValue;
use zeroize::Zeroizing;

use super::AuthError;
use super::password::PASSWORD_BYTES_MAX;
use crate::directory::secret::Secret;
use crate::path::{NAME_BYTES_MAX, Name};

/// `Basic `, and the base 64 of `DOMAIN\user:password` with each at its greatest length.
const HEADER_BYTES_MAX: usize = 6 + (2 * NAME_BYTES_MAX + PASSWORD_BYTES_MAX + 2).div_ceil(3) * 4;

/// What somebody claims to be, and the proof for it.
pub(super) struct Basic {
    pub user: Name,
    pub secret: Secret,
}

/// Reads the header. Windows sends `DOMAIN\user` when it has nothing better; the domain is dropped.
///
/// Errors: [`AuthError::Missing`] for another scheme; [`AuthError::Wrong`] for what no user could have sent: no base 64, no
/// UTF-8, no `:`, an impossible user name, an empty or overlong password.
pub(super) fn parse(header: &HeaderValue) -> Result<Basic, AuthError> {
    let (scheme, encoded) = header.as_bytes().split_at_checked("Basic ".len()).ok_or(AuthError::Missing)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return Err(AuthError::Missing);
    }
    if header.len() > HEADER_BYTES_MAX {
        return Err(AuthError::Wrong);
    }
    let decoded = Zeroizing::new(BASE64.decode(encoded.trim_ascii()).map_err(|_| AuthError::Wrong)?);
    let text = str::from_utf8(&decoded).map_err(|_| AuthError::Wrong)?;
    let (user, secret) = text.split_once(':').ok_or(AuthError::Wrong)?;
    let user = user.rsplit_once('\\').map_or(user, |(_domain, user)| user);
    let user = Name::parse(user).map_err(|_| AuthError::Wrong)?;
    if secret.is_empty() || secret.len() > PASSWORD_BYTES_MAX {
        return Err(AuthError::Wrong);
    }
    Ok(Basic { user, secret: Secret::new(secret.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn basic(credentials: &[u8]) -> HeaderValue {
        HeaderValue::from_str(&format!("Basic {}", BASE64.encode(credentials))).unwrap()
    }

    fn read(header: &HeaderValue) -> Result<(String, String), AuthError> {
        parse(header).map(|basic| (basic.user.as_str().to_owned(), basic.secret.reveal().to_owned()))
    }

    #[test]
    fn the_example_of_the_rfc_is_read() {
        // RFC 7617 section 2, and section 2.1 with its pound sign in UTF-8.
        for (header, user, secret) in [
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
            ("basic dGVzdDoxMjPCow==", "test", "123£"),
        ] {
            let read = read(&HeaderValue::from_static(header)).unwrap();
            assert_eq!(read, (user.into(), secret.into()));
        }
    }

    #[test]
    fn a_password_may_hold_colons_and_a_name_a_domain() {
        assert_eq!(read(&basic(b"ana:a:b")).unwrap(), ("ana".into(), "a:b".into()));
        assert_eq!(read(&basic(b"ACME\\ana:secret\\x")).unwrap(), ("ana".into(), "secret\\x".into()));
    }

    #[test]
    fn another_scheme_is_no_login() {
        for header in ["", "Bas", "Bearer abc", "Digest username=\"ana\"", "BasicQWxh"] {
            assert!(matches!(read(&HeaderValue::from_static(header)), Err(AuthError::Missing)), "{header}");
        }
    }

    #[test]
    fn credentials_nobody_can_have_are_wrong() {
        let long = [b"ana:".as_slice(), &[b'x'; PASSWORD_BYTES_MAX + 1]].concat();
        for header in [
            HeaderValue::from_static("Basic "),
            HeaderValue::from_static("Basic !!!!"),
            HeaderValue::from_static("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ"),
            basic(b"ana"),
            basic(b"ana:"),
            basic(b":secret"),
            basic(b"ACME\\:secret"),
            basic(b"a/b:secret"),
            basic(b"ana:\xff\xfe"),
            basic(&long),
            basic(&[b'x'; 1 << 16]),
        ] {
            assert!(matches!(read(&header), Err(AuthError::Wrong)), "{header:?}");
        }
        let longest = basic(&long[..long.len() - 1]);
        assert!(read(&longest).is_ok());
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&basic(&bytes));
            if let Ok(header) = HeaderValue::from_bytes(&bytes) {
                let _ = read(&header);
            }
        }
    }
}
