//! The desktops of macOS and Linux, and a Linux machine's own folder.

use super::{Mount, Step, file, of_line, quoted, run, say};
use crate::reply::escaped;

pub(super) fn macos(mount: &Mount) -> Vec<Step> {
    let url = mount.url();
    let webloc = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict><key>URL</key><string>{}</string></dict></plist>\n",
        escaped(&url)
    );
    vec![
        say("In the Finder choose Go > Connect to Server (Command-K), and enter:"),
        run(url.clone()),
        say(format!(
            "Log in as {}, with an app password of your own for this machine, and let the keychain keep it.",
            mount.user
        )),
        say(
            "The same in a terminal, or at each login (System Settings > General > Login Items takes the mounted volume):",
        ),
        run(format!("osascript -e 'mount volume \"{url}\"'")),
        say("A link that opens the share in a browser, for the desktop or a message:"),
        file(format!("{}.webloc", mount.label()), webloc),
        say(
            "macOS leaves small files beside others. This stops those of the Finder on network volumes, after the next login:",
        ),
        run("defaults write com.apple.desktopservices DSDontWriteNetworkStores -bool true"),
    ]
}

pub(super) fn gnome(mount: &Mount) -> Vec<Step> {
    let url = mount.url_of("dav");
    vec![
        say("In Files choose Other Locations, and enter below at Connect to Server:"),
        run(url.clone()),
        say("The same in a terminal, which asks for the password:"),
        run(format!("gio mount {}", quoted(&url))),
    ]
}

pub(super) fn kde(mount: &Mount) -> Vec<Step> {
    vec![
        say("In Dolphin press Ctrl-L and enter this; KWallet keeps the password if you like:"),
        run(mount.url_of("webdav")),
        say("Drag the icon in the address into the places on the left, to have it there again."),
    ]
}

pub(super) fn davfs2(mount: &Mount) -> Vec<Step> {
    let (url, folder) = (mount.url(), format!("/mnt/{}", mount.label()));
    let configuration =
        format!("[{folder}]\nask_auth 1\n# Linux 6 gives davfs2 1.6 no listing with less.\nbuf_size 256\n");
    // mount takes what follows a comma for another option; without a name it asks for one.
    let username = if mount.user.contains(',') { String::new() } else { format!("username={},", quoted(&mount.user)) };
    vec![
        run(format!("apt install davfs2\nmkdir -p {folder}")),
        say("Append to /etc/davfs2/davfs2.conf:"),
        file("davfs2.conf", configuration),
        say("Mount it now; it asks for the password:"),
        run(format!("mount -t davfs -o {username}uid=$(id -u) {} {folder}", quoted(&url))),
        say(
            "To have it at each start, write the password into /etc/davfs2/secrets, which only root may read (chmod 600), with an editor, as a line of its own:",
        ),
        run(format!("{folder} {} APP-PASSWORD", of_line(&mount.user))),
        say("and into /etc/fstab:"),
        run(format!("{url} {folder} davfs _netdev,noauto,user,x-systemd.automount 0 0")),
    ]
}
