//! Programs that speak WebDAV themselves.

use super::{Mount, Step, file, of_line, quoted, run, say};
use crate::reply::escaped;

pub(super) fn rclone(mount: &Mount) -> Vec<Step> {
    let label = mount.label();
    let configuration =
        format!("[{label}]\ntype = webdav\nurl = {}\nvendor = owncloud\nuser = {}\n", mount.url(), mount.user);
    vec![
        say(
            "Append to the file that `rclone config file` names. The vendor is ownCloud because rclone then keeps the times of files:",
        ),
        file("rclone.conf", configuration),
        say(
            "The password goes there too, obscured. This asks for it without showing it to other programs; append its output as `pass = ...`:",
        ),
        run("read -rs -p 'app password: ' p && printf %s \"$p\" | rclone obscure -; unset p"),
        say("Then:"),
        run(format!(
            "rclone ls {label}:\nrclone copy report.pdf {label}:\nrclone mount {label}: ~/{label} --vfs-cache-mode writes"
        )),
    ]
}

pub(super) fn cyberduck(mount: &Mount) -> Vec<Step> {
    let protocol = if mount.is_tls() { "davs" } else { "dav" };
    let share = if mount.share.is_empty() { "Commonhold" } else { &mount.share };
    let [share, host, user, path] = [share, mount.host(), &mount.user, &mount.path()].map(escaped);
    let bookmark = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict>\n<key>Protocol</key><string>{protocol}</string>\n<key>Nickname</key><string>{share}</string>\n<key>Hostname</key><string>{host}</string>\n<key>Port</key><string>{port}</string>\n<key>Username</key><string>{user}</string>\n<key>Path</key><string>{path}</string>\n</dict></plist>\n",
        port = mount.port(),
    );
    vec![
        say("Open this bookmark; Cyberduck asks for the password:"),
        file(format!("{}.duck", mount.label()), bookmark),
        say("Or by hand: Open Connection, WebDAV (HTTPS), and this address:"),
        run(mount.url()),
    ]
}

pub(super) fn winscp(mount: &Mount) -> Vec<Step> {
    let encryption = if mount.is_tls() { "TLS/SSL Implicit encryption" } else { "no encryption" };
    vec![
        say(format!(
            "New Site: file protocol WebDAV, {encryption}, host name {}, port {}, user name {}; under Advanced > Directories the remote directory {}",
            mount.host(),
            mount.port(),
            mount.user,
            mount.path()
        )),
        say("The same as an address, for Win-R or a shortcut:"),
        run(format!("winscp.exe {}", mount.url_of("dav"))),
    ]
}

pub(super) fn nextcloud(mount: &Mount) -> Vec<Step> {
    let (origin, user) = (mount.origin(), &mount.user);
    let share = if mount.share.is_empty() { "Each of your shares" } else { &mount.share };
    vec![
        say(
            "These clients keep a copy on the machine, and work without a network. Give them the server's address, and nothing behind it:",
        ),
        run(origin.clone()),
        say(format!(
            "Nextcloud's shows a page of the server, where you log in as {user}; ownCloud's takes the name and an app password."
        )),
        say(format!("{share} is then a folder in the list of what to keep here; choose those that you need.")),
        say("The same for scripts, with the login in ~/.netrc (chmod 600):"),
        run(format!("machine {} login {} password APP-PASSWORD", mount.host(), of_line(user))),
        run(format!("nextcloudcmd -n ~/files {}", quoted(&origin))),
    ]
}

pub(super) fn libreoffice(mount: &Mount) -> Vec<Step> {
    vec![
        say(
            "File > Open Remote > Add Service > WebDAV, with this as host (and Secure connection switched on for https), and the folder as root:",
        ),
        run(format!("{}:{}\n{}", mount.host(), mount.port(), mount.path())),
        say(format!("Log in as {}. A document that somebody else has open is opened read-only.", mount.user)),
    ]
}

pub(super) fn curl(mount: &Mount) -> Vec<Step> {
    let (url, user) = (mount.url(), &mount.user);
    let login = quoted(user);
    vec![
        say(
            "curl asks for the password. For scripts put the login into ~/.netrc (chmod 600), and --netrc in the place of -u:",
        ),
        run(format!("machine {} login {} password APP-PASSWORD", mount.host(), of_line(user))),
        say("List, fetch, send:"),
        run(format!(
            "curl -u {login} -X PROPFIND -H 'Depth: 1' '{url}'\ncurl -u {login} -O '{url}plan.txt'\ncurl -u {login} -T plan.txt '{url}'"
        )),
    ]
}

pub(super) fn phone(mount: &Mount) -> Vec<Step> {
    vec![
        say(
            "Neither iOS nor Android speaks WebDAV by itself; apps do: on iOS for instance Documents or FE File Explorer, on Android for instance Solid Explorer, Material Files or FolderSync. Add a WebDAV account there:",
        ),
        run(mount.url()),
        say(format!(
            "with the name {}, and an app password of its own for each machine, so that a lost one can be locked out.",
            mount.user
        )),
    ]
}
