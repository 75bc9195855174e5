//! The form of Nextcloud's login on a page: what a browser sends is what was typed.
#![no_main]

use commonhold::cloud::login::{Form, page_without_token};
use libfuzzer_sys::fuzz_target;

/// As a browser writes it (URL standard, `application/x-www-form-urlencoded`).
fn written(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

fuzz_target!(|input: (&str, &str, &[u8])| {
    let (user, password, bytes) = input;
    let _ = Form::parse(bytes);
    let _ = page_without_token(&String::from_utf8_lossy(bytes));
    let form = format!("user={}&password={}", written(user), written(password));
    let form = Form::parse(form.as_bytes()).expect("it is a form");
    assert_eq!((form.value("user"), form.value("password")), (Some(user), Some(password)));
});
