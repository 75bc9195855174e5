//! The PROXY protocol, versions 1 and 2: a few bytes before all others in which a proxy says for whom it has opened a connection.
//!
//! Here: reading exactly these bytes, never one more. Whether the sender is believed is asked before (`mod.rs`).
//! Source: <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>, sections 2.1 and 2.2.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The shortest header of either version, `PROXY UNKNOWN` with the end of its line.
const SHORTEST: usize = 15;
/// The longest line of version 1, with its end.
const LINE_BYTES_MAX: usize = 107;
/// Bytes behind the fixed part of version 2: addresses, and what some proxies add of TLS and names.
const REST_BYTES_MAX: usize = 4096;

/// Why the bytes were no header.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// They are something else.
    #[error("a trusted proxy began without the PROXY protocol")]
    Missing,
    /// They look like one.
    #[error("a trusted proxy sent a malformed PROXY header")]
    Malformed,
    /// The connection.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the header. Gives the client; `None` when the proxy speaks for itself, or doesn't know.
///
/// # Errors
/// [`ProxyError`].
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, ProxyError> {
    let mut begun = [0; SHORTEST];
    stream.read_exact(&mut begun).await?;
    if begun.starts_with(SIGNATURE) {
        let last = stream.read_u8().await?;
        let [.., version_command, family, high] = begun;
        let length = usize::from(u16::from_be_bytes([high, last]));
        if length > REST_BYTES_MAX {
            return Err(ProxyError::Malformed);
        }
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await?;
        return second(version_command, family, &rest).ok_or(ProxyError::Malformed);
    }
    if !begun.starts_with(b"PROXY ") {
        return Err(ProxyError::Missing);
    }
    let mut line = begun.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LINE_BYTES_MAX {
            return Err(ProxyError::Malformed);
        }
        line.push(stream.read_u8().await?);
    }
    first(&line[..line.len() - 2]).ok_or(ProxyError::Malformed)
}

/// Version 1: `PROXY TCP4 client server client-port server-port`.
fn first(line: &[u8]) -> Option<Option<SocketAddr>> {
    let words: Vec<&str> = std::str::from_utf8(line).ok()?.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Some(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), client, server, port, server_port] => {
            let (client, server): (IpAddr, IpAddr) = (client.parse().ok()?, server.parse().ok()?);
            let (port, _): (u16, u16) = (port.parse().ok()?, server_port.parse().ok()?);
            let fits = client.is_ipv4() == (*family == "TCP4") && client.is_ipv4() == server.is_ipv4();
            fits.then_some(Some(SocketAddr::new(client, port)))
        }
        _ => None,
    }
}

/// Version 2: the byte of version and command, that of family and transport, and what follows the length.
fn second(version_command: u8, family: u8, rest: &[u8]) -> Option<Option<SocketAddr>> {
    match version_command {
        // LOCAL: the proxy's own connection, such as a look whether we are well.
        0x20 => Some(None),
        0x21 => match family {
            0x11 => {
                let (addresses, _) = rest.split_first_chunk::<12>()?;
                let [a, b, c, d, _, _, _, _, high, low, _, _] = *addresses;
                let client = Ipv4Addr::new(a, b, c, d);
                Some(Some(SocketAddr::new(client.into(), u16::from_be_bytes([high, low]))))
            }
            0x21 => {
                let (addresses, _) = rest.split_first_chunk::<36>()?;
                let (client, behind) = addresses.split_first_chunk::<16>()?;
                let port = u16::from_be_bytes([behind[16], behind[17]]);
                Some(Some(SocketAddr::new(Ipv6Addr::from(*client).into(), port)))
            }
            // Unspecified, datagrams, UNIX sockets: no address of ours to speak of.
            _ => Some(None),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read, and the bytes that were left for others.
    fn run(bytes: &[u8]) -> (Result<Option<SocketAddr>, ProxyError>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stream = bytes;
            let read = read(&mut stream).await;
            (read, stream.to_vec())
        })
    }

    fn v2(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[version_command, family], &length, rest].concat()
    }

    #[test]
    fn the_client_of_either_version_is_read_and_not_a_byte_more() {
        let four = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
        let mut six = [0; 36];
        six[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        six[32..34].copy_from_slice(&4711_u16.to_be_bytes());
        for (header, client) in [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n".to_vec(), Some("192.0.2.7:4660")),
            (b"PROXY TCP6 2001:db8::7 ::1 4711 443\r\n".to_vec(), Some("[2001:db8::7]:4711")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (v2(0x21, 0x11, &four), Some("192.0.2.7:4660")),
            // With further values behind the addresses.
            (v2(0x21, 0x11, &[&four[..], &[4, 0, 2, 1, 1]].concat()), Some("192.0.2.7:4660")),
            (v2(0x21, 0x21, &six), Some("[2001:db8::7]:4711")),
            (v2(0x20, 0, &[]), None),
            (v2(0x21, 0x31, &[0; 216]), None),
        ] {
            let (read, left) = run(&[&header[..], b"GET / HTTP/1.1\r\n"].concat());
            assert_eq!(read.unwrap(), client.map(|client| client.parse().unwrap()), "{header:?}");
            assert_eq!(left, b"GET / HTTP/1.1\r\n");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(matches!(run(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").0, Err(ProxyError::Missing)));
        for bad in [
            b"PROXY TCP4 192.0.2.7 10.0.0.1 4660\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::7 ::1 4711 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 466000 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7  10.0.0.1 4660 443\r\n".to_vec(),
            [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat(),
            v2(0x11, 0x11, &[0; 12]),
            v2(0x21, 0x11, &[0; 11]),
            v2(0x21, 0x21, &[0; 35]),
            v2(0x22, 0x11, &[0; 12]),
            v2(0x21, 0x11, &[0; REST_BYTES_MAX + 1]),
        ] {
            assert!(matches!(run(&bad).0, Err(ProxyError::Malformed)), "{bad:?}");
        }
        assert!(matches!(run(b"PROXY").0, Err(ProxyError::Io(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(begin in 0..3_usize, bytes in prop::collection::vec(any::<u8>(), 0..150)) {
            let begin: &[u8] = [&b""[..], b"PROXY TCP4 ", SIGNATURE][begin];
            let _ = run(&[begin, &bytes].concat());
        }

        #[test]
        fn every_address_comes_through(ip: [u8; 4], port: u16) {
            let client = SocketAddr::new(Ipv4Addr::from(ip).into(), port);
            let line = format!("PROXY TCP4 {} 10.0.0.1 {port} 443\r\n", client.ip());
            prop_assert_eq!(run(line.as_bytes()).0.unwrap(), Some(client));
            let [high, low] = port.to_be_bytes();
            let rest = [&ip[..], &[10, 0, 0, 1, high, low, 1, 187]].concat();
            prop_assert_eq!(run(&v2(0x21, 0x11, &rest)).0.unwrap(), Some(client));
        }
    }
}
