//! Sync tokens: none that this site didn't give is one, also if it differs from one in a single place.
#![no_main]

use commonhold::ids::{NodeId, ShareId, UserId};
use commonhold::tree::sync::token::Key;
use commonhold::tree::sync::{Litter, Progress, Token, ViewId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (i64, i64, u16, u8, &str)| {
    let (number, seq, place, other, text) = input;
    let key = Key::parse(&"5c".repeat(32)).expect("64 digits");
    let _ = Token::is_one(text);
    assert_eq!(Token::open(&key, text), None);
    assert_eq!(Token::open(&key, &format!("urn:commonhold:sync:{text}")), None);

    let litter = Litter { is_kept_out: number % 2 == 0, switches: number };
    let progress = Progress::at(seq, ViewId([other; 16]));
    let token = Token { user: UserId(number), share: ShareId(seq), node: NodeId(number), litter, progress };
    let sealed = token.seal(&key);
    assert_eq!(Token::open(&key, &sealed).as_ref(), Some(&token));
    assert_eq!(Token::open(&Key::parse(&"5d".repeat(32)).expect("64 digits"), &sealed), None);
    let mut changed = sealed.clone().into_bytes();
    let place = usize::from(place) % changed.len();
    if changed[place] != other
        && let Ok(changed) = {
            changed[place] = other;
            String::from_utf8(changed)
        }
        // A blank at either end is cut off.
        && changed.trim().len() == sealed.len()
    {
        assert_eq!(Token::open(&key, &changed), None);
    }
});
