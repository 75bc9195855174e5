//! Connections over real TCP. Time limits that a test waits for are short; all others are longer than any test.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::service::{Service, service_fn};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::*;

mod proxies;
mod secure;

const SHORT: Duration = Duration::from_millis(100);
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";

fn limits() -> Limits {
    let long = Duration::from_secs(600);
    Limits {
        header_timeout: long,
        idle_timeout: long,
        body_idle_timeout: long,
        write_idle_timeout: long,
        stop_timeout: long,
        ..Limits::from(&config::Limits::default())
    }
}

/// A server on a port of its own.
struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<usize>,
    counts: Arc<Counts>,
}

impl Server {
    fn start<S, B>(limits: Limits, service: S) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
    {
        Self::at(Speaks::Plain { proxies_only: false }, Proxies::default(), limits, service)
    }

    /// The same with a door of the test's choice.
    fn at<S, B>(speaks: Speaks, proxies: Proxies, limits: Limits, service: S) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
    {
        let door = Door::open("127.0.0.1:0".parse().unwrap(), speaks).unwrap();
        let address = door.address().unwrap();
        let stop = CancellationToken::new();
        let counts = Arc::new(Counts::default());
        let rules = Rules { limits, proxies, counts: Arc::clone(&counts) };
        let task = tokio::spawn(serve(vec![door], rules, stop.clone(), service));
        Self { address, stop, task, counts }
    }

    /// One that answers each request with its body.
    fn echo(limits: Limits) -> Self {
        Self::start(limits, service_fn(echo))
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut client = self.connect().await;
        client.write_all(bytes).await.unwrap();
        client
    }
}

async fn echo(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match request.into_body().collect().await {
        Ok(body) => Response::new(Full::new(body.to_bytes())),
        Err(BodyError::Idle) => status(StatusCode::REQUEST_TIMEOUT),
        Err(BodyError::Broken(_) | BodyError::Unreadable(_)) => status(StatusCode::BAD_REQUEST),
    })
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Everything until the server closes in order.
async fn rest(client: &mut TcpStream) -> String {
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    String::from_utf8(all).unwrap()
}

/// One response with a body of known length.
async fn response(client: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        text.push(client.read_u8().await.unwrap().into());
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    client.read_exact(&mut body).await.unwrap();
    text + std::str::from_utf8(&body).unwrap()
}

/// Waits for the server to end the connection without an answer, in whatever way.
async fn ended_without_answer(client: &mut TcpStream) {
    match client.read_u8().await {
        Ok(byte) => panic!("an answer: {byte}"),
        Err(error) => {
            assert!(matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset), "{error}")
        }
    }
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection_and_know_their_peer() {
    let server = Server::start(
        limits(),
        service_fn(async |request: Request<RequestBody>| {
            let peer = request.extensions().get::<PeerAddr>().unwrap().0.to_string();
            Ok(Response::new(Full::<Bytes>::from(peer)))
        }),
    );
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.write_all(GET).await.unwrap();
        let response = response(&mut client).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        assert!(response.ends_with(&client.local_addr().unwrap().to_string()), "{response}");
    }
}

#[tokio::test]
async fn headers_that_do_not_come_in_time_end_the_connection() {
    for (first, half) in [(&b""[..], &b""[..]), (b"", b"GET / HTTP/1.1\r\nHo"), (b"", b"PRI * HTT"), (GET, b"GET")] {
        let server = Server::echo(Limits { header_timeout: SHORT, ..limits() });
        let start = Instant::now();
        let mut client = server.connect().await;
        if !first.is_empty() {
            client.write_all(first).await.unwrap();
            response(&mut client).await;
        }
        client.write_all(half).await.unwrap();
        ended_without_answer(&mut client).await;
        assert!(start.elapsed() >= SHORT);
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_order() {
    let server = Server::echo(Limits { idle_timeout: SHORT, ..limits() });
    let mut client = server.send(GET).await;
    response(&mut client).await;
    let start = Instant::now();
    assert_eq!(rest(&mut client).await, "");
    assert!(start.elapsed() >= SHORT / 2);
}

#[tokio::test]
async fn an_upload_that_stops_is_answered_and_ended() {
    let server = Server::echo(Limits { body_idle_timeout: SHORT, ..limits() });
    let mut client = server.send(b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf").await;
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// A body without end that says when it is dropped, and how many bytes were taken of it.
struct Endless(mpsc::UnboundedSender<usize>, usize);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = Bytes::from_static(&[0; 64 * 1024]);
        self.1 += chunk.len();
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_response_is_cut() {
    let (dropped, mut is_dropped) = mpsc::unbounded_channel();
    let server = Server::start(
        Limits { write_idle_timeout: SHORT, ..limits() },
        service_fn(move |_| std::future::ready(Ok(Response::new(Endless(dropped.clone(), 0))))),
    );
    let _http1 = server.send(GET).await;
    let taken = is_dropped.recv().await.unwrap();
    // What the client's window takes at first (tcp_rmem(7): 128 KiB), hyper's buffer, and what may wait for it to be sent. The system alone would take megabytes.
    assert!(taken < 1024 * 1024, "{taken}");

    // HTTP/2 with the window that every client begins with, 65,535 bytes, which this one never widens. It answers
    // nothing, yet its socket takes what comes.
    let mut http2 = server.send(&http2_get()).await;
    let reading = tokio::spawn(async move { http2.read_to_end(&mut Vec::new()).await });
    is_dropped.recv().await.unwrap();
    let _ = reading.await.unwrap();
}

#[tokio::test]
async fn a_slow_answer_of_the_server_is_waited_for() {
    let ready = Arc::new(Notify::new());
    let until = Arc::clone(&ready);
    let server = Server::start(
        Limits { header_timeout: SHORT, idle_timeout: SHORT, write_idle_timeout: SHORT, ..limits() },
        service_fn(move |_| {
            let until = Arc::clone(&until);
            async move {
                until.notified().await;
                Ok(Response::new(Full::<Bytes>::from("late")))
            }
        }),
    );
    let mut client = server.send(GET).await;
    let early = tokio::time::timeout(3 * SHORT, client.read_u8()).await;
    assert!(early.is_err(), "neither an answer nor an end: {early:?}");
    ready.notify_one();
    assert!(response(&mut client).await.ends_with("late"));
}

#[tokio::test]
async fn a_stopping_server_finishes_what_runs_and_takes_nothing_new() {
    let (begun, mut has_begun) = mpsc::unbounded_channel();
    let finish = Arc::new(Notify::new());
    let may_finish = Arc::clone(&finish);
    let server = Server::start(
        limits(),
        service_fn(move |_| {
            let (begun, may_finish) = (begun.clone(), Arc::clone(&may_finish));
            async move {
                begun.send(()).unwrap();
                may_finish.notified().await;
                Ok(Response::new(Full::<Bytes>::from("done")))
            }
        }),
    );
    let mut running = server.send(GET).await;
    has_begun.recv().await.unwrap();
    let mut silent = server.connect().await;
    server.stop.cancel();
    // Its end shows that the server has seen the stop.
    ended_without_answer(&mut silent).await;
    assert!(TcpStream::connect(server.address).await.is_err());

    finish.notify_one();
    let answer = rest(&mut running).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("done"), "{answer}");
    assert_eq!(server.task.await.unwrap(), 0);
}

#[tokio::test]
async fn a_stopping_server_does_not_wait_for_idle_clients() {
    let server = Server::echo(limits());
    let mut idle = server.send(GET).await;
    response(&mut idle).await;
    let start = Instant::now();
    server.stop.cancel();
    assert_eq!(server.task.await.unwrap(), 0);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(rest(&mut idle).await, "");
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_when_the_time_is_over() {
    let (begun, mut has_begun) = mpsc::unbounded_channel();
    let server = Server::start(
        Limits { stop_timeout: SHORT, ..limits() },
        service_fn(move |_| {
            begun.send(()).unwrap();
            std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
        }),
    );
    let mut client = server.send(GET).await;
    has_begun.recv().await.unwrap();
    server.stop.cancel();
    assert_eq!(server.task.await.unwrap(), 1);
    ended_without_answer(&mut client).await;
}

#[tokio::test]
async fn a_connection_too_many_is_refused_with_an_answer() {
    for limits in [Limits { connections_max: 1, ..limits() }, Limits { connections_per_address_max: 1, ..limits() }] {
        let server = Server::echo(limits);
        let mut first = server.send(GET).await;
        response(&mut first).await;

        let mut second = server.send(GET).await;
        let answer = rest(&mut second).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: "), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");

        drop(first);
        // The place is free as soon as the server sees the first one go.
        while !rest_or_response(&server).await.starts_with("HTTP/1.1 200 ") {}
    }
}

#[tokio::test]
async fn a_connection_that_was_given_up_keeps_its_place_until_the_work_is_over() {
    let (begun, mut has_begun) = mpsc::unbounded_channel();
    let finish = Arc::new(Notify::new());
    let may_finish = Arc::clone(&finish);
    let server = Server::start(
        Limits { connections_max: 1, ..limits() },
        service_fn(move |request: Request<RequestBody>| {
            let (begun, may_finish) = (begun.clone(), Arc::clone(&may_finish));
            // As a change does, it goes on although nobody waits for the answer.
            tokio::spawn(async move {
                begun.send(()).unwrap();
                may_finish.notified().await;
                drop(request.into_parts().0);
            });
            std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
        }),
    );
    drop(server.send(GET).await);
    has_begun.recv().await.unwrap();
    while server.counts.open() > 0 {
        tokio::task::yield_now().await;
    }
    tokio::select! {
        _ = has_begun.recv() => panic!("there was a place"),
        answer = rest_or_response(&server) => assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}"),
    }
    finish.notify_one();
    loop {
        tokio::select! {
            _ = has_begun.recv() => break,
            answer = rest_or_response(&server) => assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}"),
        }
    }
}

/// The answer to a request on a connection of its own.
async fn rest_or_response(server: &Server) -> String {
    rest(&mut server.send(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await).await
}

#[tokio::test]
async fn a_refused_upload_gets_its_answer_although_it_sends_on() {
    let server =
        Server::start(limits(), service_fn(async |_: Request<RequestBody>| Ok(status(StatusCode::UNAUTHORIZED))));
    let mut client = server.send(b"PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    // More than any socket buffer holds: it goes through only because the server reads it away.
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend_from_slice(&[0; 0x10000]);
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..256 {
        client.write_all(&chunk).await.unwrap();
    }
    client.shutdown().await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    // A proxy that weren't told would send another request on it.
    assert!(answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn a_small_body_that_nobody_wants_costs_no_connection() {
    let server =
        Server::start(limits(), service_fn(async |_: Request<RequestBody>| Ok(status(StatusCode::UNAUTHORIZED))));
    let put = b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody";
    let last = b"PUT / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody";
    let mut client = server.send(&[&put[..], &put[..], &last[..]].concat()).await;
    assert_eq!(rest(&mut client).await.matches("HTTP/1.1 401 ").count(), 3);
}

#[tokio::test]
async fn a_small_body_that_comes_after_the_answer_was_ready_costs_no_connection() {
    let (asked, mut was_asked) = mpsc::unbounded_channel();
    let refuse = service_fn(move |_: Request<RequestBody>| {
        asked.send(()).unwrap();
        std::future::ready(Ok(status(StatusCode::UNAUTHORIZED)))
    });
    let server = Server::start(limits(), refuse);
    let mut client = server.send(b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n").await;
    was_asked.recv().await.unwrap();
    client.write_all(b"body").await.unwrap();
    let first = response(&mut client).await;
    assert!(first.starts_with("HTTP/1.1 401 "), "{first}");
    client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn a_small_body_that_waits_to_be_asked_for_is_not_asked_for_to_be_thrown_away() {
    let server =
        Server::start(limits(), service_fn(async |_: Request<RequestBody>| Ok(status(StatusCode::UNAUTHORIZED))));
    let put = b"PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let answer = rest(&mut server.send(put).await).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn headers_that_are_too_long_are_answered_with_431() {
    let limits = limits();
    let long = "x".repeat(limits.header_bytes_max as usize);
    let server = Server::echo(limits);
    let mut client = server.send(format!("GET / HTTP/1.1\r\nHost: test\r\nX-Long: {long}\r\n\r\n").as_bytes()).await;
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
}

#[tokio::test]
async fn a_panic_ends_its_connection_and_nothing_else() {
    let calls = Arc::new(AtomicUsize::new(0));
    let server = Server::start(
        limits(),
        service_fn(move |_| {
            assert!(calls.fetch_add(1, Ordering::Relaxed) > 0, "the first call panics");
            std::future::ready(Ok(Response::new(Full::<Bytes>::from("fine"))))
        }),
    );
    let mut first = server.send(GET).await;
    ended_without_answer(&mut first).await;
    assert!(rest_or_response(&server).await.ends_with("fine"));
    while server.counts.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.counts.accepted(), 2);
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The preface, empty settings and one GET of an HTTP/2 client.
fn http2_get() -> Vec<u8> {
    // RFC 7541 appendix A: `:method: GET`, `:scheme: http`, `:path: /`, and `:authority` with a literal value.
    let headers = [&[0x82, 0x86, 0x84, 0x41, 4][..], b"test"].concat();
    // Flags: END_STREAM and END_HEADERS.
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[]), frame(1, 0x5, 1, &headers)].concat()
}

#[tokio::test]
async fn http2_is_spoken_without_tls_by_prior_knowledge() {
    let server = Server::start(
        limits(),
        service_fn(async |_: Request<RequestBody>| Ok(Response::new(Full::<Bytes>::from("two")))),
    );
    let mut client = server.send(&http2_get()).await;
    let mut headers = Vec::new();
    let mut data = Vec::new();
    while data != b"two" {
        let head: [u8; 9] = {
            let mut head = [0; 9];
            client.read_exact(&mut head).await.unwrap();
            head
        };
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        client.read_exact(&mut payload).await.unwrap();
        match (head[3], head[8]) {
            (0, 1) => data.extend(payload),
            (1, 1) => headers = payload,
            _ => {}
        }
    }
    // RFC 7541 appendix A: `:status: 200`.
    assert_eq!(headers[0], 0x88);
}

#[tokio::test]
async fn http2_can_be_switched_off() {
    let server = Server::echo(Limits { http2: false, ..limits() });
    let mut client = server.send(&http2_get()).await;
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    // A server's HTTP/2 begins with a SETTINGS frame.
    assert_ne!(answer.get(3), Some(&4), "{answer:?}");
    assert!(rest_or_response(&server).await.starts_with("HTTP/1.1 200 "));
}

/// Runs the test below in a process of its own, whose files may run out.
#[test]
fn a_server_without_free_files_goes_on_when_there_are_some_again() {
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "net::tests::in_a_process_without_free_files"])
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && out.contains("1 passed"), "{out}");
}

#[tokio::test]
#[ignore = "takes all files of its process; a_server_without_free_files_goes_on_when_there_are_some_again runs it"]
async fn in_a_process_without_free_files() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let log = Log::default();
    let _logging = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_writer({
                let log = log.clone();
                move || log.clone()
            })
            .finish(),
    );
    let server = Server::echo(limits());
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
    let mut files: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    // The one free file is for the client, so that there is none for the server.
    files.pop();
    let mut client = server.send(GET).await;
    while log.lines() == 0 {
        tokio::task::yield_now().await;
    }
    let refused = tokio::time::timeout(3 * SHORT, client.read_u8()).await;
    assert!(refused.is_err(), "neither an answer nor an end: {refused:?}");
    drop(files);
    assert!(response(&mut client).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(log.lines(), 1, "logged once, not with each try");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<parking_lot::Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> usize {
        self.0.lock().iter().filter(|&&byte| byte == b'\n').count()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn plain_http_stays_on_this_machine_unless_allowed() {
    for (address, loopback) in [
        ("127.0.0.1:80", true),
        ("127.9.9.9:80", true),
        ("[::1]:80", true),
        ("[::ffff:127.0.0.1]:80", true),
        ("0.0.0.0:80", false),
        ("[::]:80", false),
        ("192.0.2.1:80", false),
    ] {
        let address = address.parse().unwrap();
        let nobody = Proxies::default();
        let listed =
            Proxies::from(&config::Net { trusted_proxies: vec!["192.0.2.9".parse().unwrap()], ..Default::default() });
        assert_eq!(plain(address, false, &nobody).is_ok(), loopback, "{address}");
        assert!(matches!(plain(address, true, &nobody), Ok(Speaks::Plain { proxies_only: false })));
        let Ok(Speaks::Plain { proxies_only }) = plain(address, false, &listed) else { panic!("{address}") };
        assert_eq!(proxies_only, !loopback, "{address}");
    }
}
