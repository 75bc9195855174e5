//! Floods of HTTP/2 (RFC 9113 section 10.5): frames that cost their sender next to nothing. The server ends the connection, or does no more than for
//! anybody; its memory stays as it is, and somebody else is answered meanwhile.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::site::http2::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, HEADERS, Heard, Http2,
    PING, PRIORITY, REFUSED_STREAM, REMEMBERED, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, remembered, request,
    stream,
};
use crate::site::{Client, Site, basic, is_in_bucket};

/// Connections that flood at the same time, unless a test says otherwise.
const ATTACKERS: usize = 4;
/// Frames, or pairs of them, of each: far more than any limit.
const MANY: usize = 100_000;
/// What the server may need for all of them beyond what it had. 512 requests that wait have 30 MiB of a development build.
const MEMORY_MIB_MAX: u64 = 48;
/// The same where contents are in a bucket: each of the 64 downloads that are begun has buffers of its own towards the store.
const MEMORY_OF_BUCKET_MIB_MAX: u64 = 192;
/// Requests that are open at the same time by what the server announces.
const STREAMS: usize = 128;

/// A server with somebody who works on it, and a file of 16 MiB.
struct Attacked {
    site: Site,
    ana: Client,
    address: SocketAddr,
}

impl Attacked {
    fn start(config: &str) -> Self {
        let site = Site::start_several(1, config);
        let [ana] = site.team("Projects", [("ana", "editor")]);
        ana.put("/Projects/plan.txt", "the first draft").status(201);
        ana.put("/Projects/large.bin", vec![7; 16 * 1024 * 1024]).status(201);
        ana.get("/Projects/large.bin").status(200);
        let address = site.addresses()[0];
        Self { site, ana, address }
    }

    fn login(&self) -> String {
        basic(&self.ana.name, &self.ana.secret)
    }

    /// Lets so many attackers run, each over a connection of its own with these settings, while ana works. Each is told its number.
    #[track_caller]
    fn by(&self, attackers: usize, settings: &[(u16, u32)], attack: impl Fn(usize, &mut Http2) + Sync) {
        let before = self.site.memory_peak_mib();
        let (address, attack) = (self.address, &attack);
        let running = &AtomicUsize::new(attackers);
        thread::scope(|scope| {
            for number in 0..attackers {
                scope.spawn(move || {
                    let _over = Over(running);
                    attack(number, &mut Http2::open(address, settings));
                });
            }
            let mut answered = 0;
            while running.load(Ordering::Acquire) > 0 || answered == 0 {
                self.ana.get("/Projects/plan.txt").status(200).body(b"the first draft");
                answered += 1;
            }
        });
        // The kernel counts roughly, so the peak may seem to have been lower.
        let more = self.site.memory_peak_mib().saturating_sub(before);
        assert!(more <= if is_in_bucket() { MEMORY_OF_BUCKET_MIB_MAX } else { MEMORY_MIB_MAX }, "{more} MiB");
    }
}

/// One attacker less when it is dropped, also by a panic.
struct Over<'a>(&'a AtomicUsize);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// A whole request.
fn ask(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, block)
}

fn reset(stream: u32) -> Vec<u8> {
    const CANCEL: u32 = 8;
    frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
}

/// The server has ended the connection because there was too much of it, before it took all.
#[track_caller]
fn is_calmed(http2: &Http2, took: usize, most: usize) -> Heard {
    let heard = http2.end();
    assert!(took < most, "all {took}: {heard:?}");
    assert_eq!(heard.goaway, Some(ENHANCE_YOUR_CALM), "{took}: {heard:?}");
    heard
}

/// CVE-2023-44487.
#[test]
fn a_client_that_resets_what_it_asks_for_is_sent_away() {
    let attacked = Attacked::start("");
    let block = request("GET", "/dav/Projects/", None);
    attacked.by(ATTACKERS, &[], |_, http2| {
        let took = http2.flood(MANY, |number| [ask(stream(number), &block), reset(stream(number))].concat());
        is_calmed(http2, took, MANY);
    });
}

/// Requests that an attacker of the next test has under way; with more than 64 that were not begun the server would send him away.
const GIVEN_UP: usize = 60;

/// The same with more patience: what is reset has been begun, and a change goes on to its end.
#[test]
fn requests_that_are_given_up_while_they_run_pile_up_nothing() {
    let attacked = Attacked::start("");
    let login = attacked.login();
    attacked.ana.mkcol("/Projects/made").status(201);
    let names = AtomicUsize::new(0);
    let made = || format!("/dav/Projects/made/{}", names.fetch_add(1, Ordering::Relaxed));
    let large = || "/dav/Projects/large.bin".to_owned();
    let listed = || "/dav/Projects/".to_owned();
    let kinds: [(&str, usize, &(dyn Fn() -> String + Sync)); 3] =
        [("MKCOL", 60, &made), ("GET", 20, &large), ("PROPFIND", 20, &listed)];
    for (method, rounds, path) in kinds {
        attacked.by(ATTACKERS, &[], |_, http2| {
            for round in 0..rounds {
                let streams = (round * GIVEN_UP..(round + 1) * GIVEN_UP).map(stream);
                let asked = streams.clone().flat_map(|stream| ask(stream, &request(method, &path(), Some(&login))));
                http2.send(&asked.collect::<Vec<u8>>());
                http2.catch_up();
                http2.send(&streams.flat_map(reset).collect::<Vec<u8>>());
            }
        });
    }
}

/// RUSTSEC-2024-0332.
#[test]
fn headers_without_end_are_not_waited_for() {
    let attacked = Attacked::start("");
    // Nothing, one header of a single byte (`accept-encoding: gzip, deflate`), many.
    for piece in [&b""[..], &[0x90], &[0x90; 16 * 1024]] {
        attacked.by(ATTACKERS, &[], |_, http2| {
            http2.send(&frame(HEADERS, END_STREAM, 1, &request("GET", "/dav/", None)));
            let took = http2.flood(MANY, |_| frame(CONTINUATION, 0, 1, piece));
            is_calmed(http2, took, MANY);
        });
    }
}

/// One byte for each time that 4 KB are meant.
#[test]
fn headers_that_stand_for_many_more_bytes_are_not_unpacked() {
    let attacked = Attacked::start("");
    let get = request("GET", "/health", None);
    let first = [get.clone(), remembered("x-bomb", &"x".repeat(4000))].concat();
    let bomb = [get, vec![REMEMBERED; 16_000]].concat();
    attacked.by(ATTACKERS, &[], |_, http2| {
        http2.send(&ask(1, &first));
        let took = http2.flood(1_000, |number| ask(stream(number + 1), &bomb));
        is_calmed(http2, took, 1_000);
    });
}

#[test]
fn more_requests_than_announced_are_refused_and_then_end_the_connection() {
    let attacked = Attacked::start("");
    let login = attacked.login();
    // Uploads of which nothing more comes.
    let block = request("PUT", "/dav/Projects/never.bin", Some(&login));
    attacked.by(ATTACKERS, &[], |_, http2| {
        let took = http2.flood(MANY, |number| frame(HEADERS, END_HEADERS, stream(number), &block));
        let heard = is_calmed(http2, took, MANY);
        assert!(heard.resets.iter().all(|code| *code == REFUSED_STREAM), "{heard:?}");
    });
}

#[test]
fn empty_pieces_of_a_body_without_end_are_not_waited_for() {
    let attacked = Attacked::start("");
    let login = attacked.login();
    attacked.by(ATTACKERS, &[], |_, http2| {
        http2.send(&frame(HEADERS, END_HEADERS, 1, &request("PUT", "/dav/Projects/empty.bin", Some(&login))));
        // Some of them are nothing to end a connection for.
        http2.flood(50, |_| frame(DATA, 0, 1, b""));
        assert!(!http2.catch_up().ended);
        let took = http2.flood(MANY, |_| frame(DATA, 0, 1, b""));
        is_calmed(http2, took, MANY);
    });
}

/// Who asks for nothing is held to the time for a first request, or between two, however much he says.
#[test]
fn frames_that_ask_for_nothing_hold_no_connection() {
    let attacked = Attacked::start("[limits]\nheader_timeout_s = 1\nidle_timeout_s = 1\n");
    let setting = [&4_u16.to_be_bytes()[..], &65_535_u32.to_be_bytes()[..]].concat();
    let kinds = [
        frame(PING, 0, 0, b"pingping"),
        frame(PING, ACK, 0, b"pongpong"),
        frame(SETTINGS, 0, 0, &[]),
        frame(SETTINGS, 0, 0, &setting),
        frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]),
        frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()),
        frame(77, 0, 0, b"of no known kind"),
    ];
    for asks_before in [false, true] {
        attacked.by(kinds.len(), &[], |number, http2| {
            if asks_before {
                http2.send(&ask(1, &request("GET", "/health", None)));
                http2.wait(|heard| heard.count(HEADERS) == 1);
            }
            http2.flood(usize::MAX, |_| kinds[number].clone());
            let heard = http2.end();
            assert_eq!(heard.count(HEADERS), usize::from(asks_before), "{heard:?}");
        });
    }
}

#[test]
fn a_window_that_grows_beyond_its_end_ends_the_connection() {
    let attacked = Attacked::start("");
    attacked.by(ATTACKERS, &[], |_, http2| {
        let took = http2.flood(MANY, |_| frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()));
        let heard = http2.end();
        assert!(took < MANY, "{heard:?}");
        assert_eq!(heard.goaway, Some(FLOW_CONTROL_ERROR), "{heard:?}");
    });
}

/// Downloads whose client makes no room, in as many streams as there are: what is read of the files ahead has a limit for all of them.
#[test]
fn answers_that_nobody_takes_are_not_made_and_end_the_connection() {
    let attacked = Attacked::start("[limits]\nwrite_idle_timeout_s = 1\n");
    let block = request("GET", "/dav/Projects/large.bin", Some(&attacked.login()));
    const INITIAL_WINDOW_SIZE: u16 = 4;
    for window in [0, 1, 65_535] {
        attacked.by(ATTACKERS, &[(INITIAL_WINDOW_SIZE, window)], |_, http2| {
            http2.flood(STREAMS, |number| ask(stream(number), &block));
            let heard = http2.end();
            assert!(heard.body_bytes <= 65_535, "{heard:?}");
        });
    }
}

/// The same streams, of a client that does take what comes: all of it arrives, though not all at once.
#[test]
fn many_downloads_over_one_connection_all_arrive() {
    let attacked = Attacked::start("");
    let block = request("GET", "/dav/Projects/large.bin", Some(&attacked.login()));
    let (streams, bytes) = (40, 40 * 16 * 1024 * 1024);
    let mut http2 = Http2::open(attacked.address, &[(4, 0x7fff_ffff)]);
    http2.send(&frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes()));
    http2.flood(streams, |number| ask(stream(number), &block));
    let heard = http2.wait(|heard| heard.body_bytes >= bytes);
    assert_eq!((heard.body_bytes, heard.ended), (bytes, false), "{heard:?}");
}
