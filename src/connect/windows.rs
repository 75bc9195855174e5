//! A drive letter in Windows, and the registry values of its WebClient that matter, each with its reason.

use super::{Mount, Step, file, quoted, run, say};

const SERVICE: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\WebClient";

pub(super) fn guide(mount: &Mount) -> Vec<Step> {
    let url = mount.url();
    let url = url.trim_end_matches('/');
    let mut steps = vec![
        say("The service WebClient must run; Windows doesn't start it by itself. As administrator, once:"),
        run("sc config webclient start= auto\nnet start webclient"),
        say("Map the drive. It asks for the password, which is best an app password of your own for this machine:"),
        run(format!("net use Z: \"{url}\" /user:{} * /persistent:yes", in_cmd(&mount.user))),
        say(format!("In Explorer the same place is {}", unc(mount))),
        say(
            "The file commonhold-windows.reg lifts limits of Windows that people run into; each value says what it is for. Import it as administrator, then restart the service:",
        ),
        file("commonhold-windows.reg", registry(mount)),
        run("net stop webclient & net start webclient"),
        say(format!(
            "It doesn't work? commonhold doctor windows {url} --user {} --password-stdin says at which step.",
            quoted(&mount.user)
        )),
    ];
    if !mount.is_tls() {
        steps.insert(
            0,
            say("This address has no TLS. Windows logs in there only after BasicAuthLevel was set to 2 (in the file below), and everybody on the way reads the password."),
        );
    }
    steps
}

/// A word as `cmd` takes it.
fn in_cmd(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._@".contains(&byte) || !byte.is_ascii();
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("\"{}\"", word.replace('"', "\"\"")) }
}

/// `\\host@SSL@8443\dav\Share`: how Windows writes such a URL as a path.
fn unc(mount: &Mount) -> String {
    let secure = if mount.is_tls() { "@SSL" } else { "" };
    let usual = if mount.is_tls() { 443 } else { 80 };
    let port = if mount.port() == usual { String::new() } else { format!("@{}", mount.port()) };
    let share = if mount.share.is_empty() { String::new() } else { format!("\\{}", mount.share) };
    format!("\\\\{}{secure}{port}\\dav{share}", mount.host())
}

/// A file for the registry editor. Its lines end as Windows wants them.
fn registry(mount: &Mount) -> String {
    let level = if mount.is_tls() { 1 } else { 2 };
    let origin = format!("{}://{}", mount.scheme, mount.host());
    let text = format!(
        r#"Windows Registry Editor Version 5.00

; The service that speaks WebDAV: start it with Windows.
[{SERVICE}]
"Start"=dword:00000002

[{SERVICE}\Parameters]

; Passwords by Basic: 1 over TLS only (Windows' own value), 2 also without, which everybody on the way can read.
"BasicAuthLevel"=dword:{level:08x}

; The largest file in bytes. Windows' own value is 50,000,000; this is the most it takes, 4 GiB less one byte.
"FileSizeLimitInBytes"=dword:ffffffff

; The longest listing of a folder in bytes. Windows' own value is 1,000,000, which is a folder of about 4,000 files with their times,
; or of 5,000 without, which this server then leaves out; this is ten times that.
"FileAttributesLimitInBytes"=dword:00989680

; Seconds for one transfer. Windows' own value is 60, too short for large files on slow lines; this is an hour.
"SendReceiveTimeoutInSec"=dword:00000e10

; Servers with a dot in their name to which Windows may send a login by itself, here {origin}.
; Without it Office and Explorer ask for the password again and again. A list that you had is replaced: add its servers.
"AuthForwardServerList"=hex(7):{list}
"#,
        list = multi_string(&[&origin]),
    );
    text.replace('\n', "\r\n")
}

/// `REG_MULTI_SZ`: UTF-16, each string ended by a zero, and one more at the end.
fn multi_string(strings: &[&str]) -> String {
    let units = strings.iter().flat_map(|text| text.encode_utf16().chain([0])).chain([0]);
    let bytes: Vec<String> = units.flat_map(u16::to_le_bytes).map(|byte| format!("{byte:02x}")).collect();
    bytes.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_written_as_windows_writes_paths() {
        let unc = |origin, share| unc(&Mount::new(origin, share, None));
        assert_eq!(unc("https://files.example.org", "Projects"), r"\\files.example.org@SSL\dav\Projects");
        assert_eq!(unc("https://files.example.org:8443", ""), r"\\files.example.org@SSL@8443\dav");
        assert_eq!(unc("http://127.0.0.1:8080", "My plans"), r"\\127.0.0.1@8080\dav\My plans");
    }

    #[test]
    fn a_list_of_strings_is_written_in_bytes() {
        assert_eq!(multi_string(&["aé"]), "61,00,e9,00,00,00,00,00");
    }

    #[test]
    fn basic_without_tls_is_only_switched_on_where_there_is_none() {
        let level = |origin| registry(&Mount::new(origin, "P", None)).contains("\"BasicAuthLevel\"=dword:00000001\r\n");
        assert!(level("https://h.example") && !level("http://h.example"));
    }
}
