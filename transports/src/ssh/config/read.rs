//! Reads the files. The first value of a keyword counts, as with `ssh`.

use super::words::words;
use super::{Agent, Settings, Strict, Unreadable, pattern};
use crate::ssh::paths::Paths;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files that include files, so deep at most; as `ssh` has it.
const DEEPEST: u32 = 16;
/// A configuration is no longer than this.
const LONGEST: u64 = 1 << 20;

/// For whom the files are read.
pub(super) struct About<'a> {
    pub(super) alias: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) paths: &'a Paths,
}

/// What is honoured here.
const OURS: &[&str] = &[
    "hostname",
    "port",
    "user",
    "identityfile",
    "identitiesonly",
    "identityagent",
    "proxyjump",
    "userknownhostsfile",
    "globalknownhostsfile",
    "hostkeyalias",
    "stricthostkeychecking",
    "hashknownhosts",
    "connecttimeout",
    "serveraliveinterval",
    "serveralivecountmax",
    "batchmode",
    "pubkeyauthentication",
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "challengeresponseauthentication",
    "numberofpasswordprompts",
];

/// What changes nothing of a connection that runs one program without a terminal, or only makes it more comfortable.
const MOOT: &[&str] = &[
    "addkeystoagent",
    "checkhostip",
    "clearallforwardings",
    "compression",
    "compressionlevel",
    "connectionattempts",
    "controlpersist",
    "dynamicforward",
    "enableescapecommandline",
    "escapechar",
    "exitonforwardfailure",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "gssapiauthentication",
    "gssapidelegatecredentials",
    "ignoreunknown",
    "ipqos",
    "localcommand",
    "localforward",
    "loglevel",
    "logverbose",
    "nohostauthenticationforlocalhost",
    "permitlocalcommand",
    "permitremoteopen",
    "preferredauthentications",
    "protocol",
    "rekeylimit",
    "remotecommand",
    "remoteforward",
    "requesttty",
    "sendenv",
    "sessiontype",
    "setenv",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tcpkeepalive",
    "updatehostkeys",
    "useroaming",
    "visualhostkey",
    "xauthlocation",
];

/// The value that says nothing, of what we do not honour.
const NOTHING: &[(&str, &str)] = &[
    ("canonicalizehostname", "no"),
    ("controlmaster", "no"),
    ("controlpath", "none"),
    ("hostbasedauthentication", "no"),
    ("proxycommand", "none"),
    ("tunnel", "no"),
    ("verifyhostkeydns", "no"),
];

#[derive(Default)]
pub(super) struct Said {
    first: HashMap<String, Vec<String>>,
    identities: Vec<String>,
    beyond: Option<String>,
    depth: u32,
}

impl Said {
    pub(super) fn file(&mut self, path: &Path, own: bool, about: &About<'_>) -> Result<(), Unreadable> {
        let mut active = true;
        self.read(path, own, about, &mut active)
    }

    fn read(&mut self, path: &Path, own: bool, about: &About<'_>, active: &mut bool) -> Result<(), Unreadable> {
        let cannot = |why: &dyn std::fmt::Display| Unreadable(format!("{} cannot be read: {why}", path.display()));
        let text = match std::fs::metadata(path) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Ok(about) if about.len() > LONGEST => return Err(cannot(&"it is longer than any configuration")),
            _ => std::fs::read_to_string(path).map_err(|why| cannot(&why))?,
        };
        for (n, line) in text.lines().enumerate() {
            let at = || format!("{}:{}", path.display(), n + 1);
            let Some((keyword, args)) = words(line).map_err(|()| Unreadable(format!("{}: a quote is not closed", at())))? else {
                continue;
            };
            match keyword.as_str() {
                "host" => *active = pattern::any(args.iter().map(String::as_str), about.alias),
                "match" => *active = self.matched(&args, about, &at()),
                _ if !*active => {}
                "include" => {
                    for name in &args {
                        self.include(name, own, about, &at())?;
                    }
                }
                "identityfile" => self.identities.extend(args.into_iter().take(1)),
                _ if OURS.contains(&keyword.as_str()) => drop(self.first.entry(keyword).or_insert(args)),
                _ if MOOT.contains(&keyword.as_str()) => {}
                _ => self.foreign(&keyword, line, &args, &at()),
            }
        }
        Ok(())
    }

    /// Something we do not honour. The first value counts here, too: `ProxyCommand none` may take back what comes later.
    fn foreign(&mut self, keyword: &str, line: &str, args: &[String], at: &str) {
        if self.first.contains_key(keyword) {
            return;
        }
        self.first.insert(keyword.to_owned(), args.to_vec());
        let nothing = NOTHING.iter().any(|(word, value)| *word == keyword && args.first().is_some_and(|arg| arg == value));
        if !nothing {
            let name = line.trim().split(|c: char| c.is_whitespace() || c == '=').next().unwrap_or(keyword).to_owned();
            self.beyond.get_or_insert(format!("{name} ({at})"));
        }
    }

    /// What a `Match` says. One that has to be found out by running something is left to `ssh`.
    fn matched(&mut self, args: &[String], about: &About<'_>, at: &str) -> bool {
        let mut args = args.iter().map(String::as_str);
        let mut all = true;
        while let Some(word) = args.next() {
            let (not, word) = word.strip_prefix('!').map_or((false, word), |word| (true, word));
            let lower = word.to_ascii_lowercase();
            let mut fits = |text: &str| args.next().is_some_and(|list| pattern::any(list.split(','), text));
            let fits = match lower.as_str() {
                "all" => true,
                // It is asked for once more at the end, with the same answers: we ask once.
                "final" => true,
                "originalhost" => fits(about.alias),
                "host" => {
                    let host =
                        self.first.get("hostname").and_then(|args| args.first()).map_or(about.alias, String::as_str).to_owned();
                    fits(&host)
                }
                "user" => {
                    let said = self.first.get("user").and_then(|args| args.first()).map(String::as_str);
                    let user = about.user.or(said).unwrap_or(&about.paths.user).to_owned();
                    fits(&user)
                }
                "localuser" => fits(&about.paths.user),
                _ => {
                    self.beyond.get_or_insert(format!("Match {word} ({at})"));
                    return false;
                }
            };
            all &= fits != not;
        }
        all
    }

    fn include(&mut self, name: &str, own: bool, about: &About<'_>, at: &str) -> Result<(), Unreadable> {
        if self.depth >= DEEPEST {
            return Err(Unreadable(format!("{at}: files include each other without end")));
        }
        let folder = if own { about.paths.home.join(".ssh") } else { about.paths.machine.clone() };
        self.depth += 1;
        for file in found(&about.paths.expand(name), &folder) {
            // What a file that is included says of hosts ends with it.
            self.read(&file, own, about, &mut true)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn get(&self, keyword: &str) -> Option<&str> {
        self.first.get(keyword).and_then(|args| args.first()).map(String::as_str)
    }

    fn yes(&self, keyword: &str, default: bool) -> bool {
        self.get(keyword).map_or(default, |text| matches!(text.to_ascii_lowercase().as_str(), "yes" | "true"))
    }

    fn number<N: std::str::FromStr>(&self, keyword: &str) -> Result<Option<N>, Unreadable> {
        let wrong = |text: &str| Unreadable(format!("the SSH configuration says {keyword} {text}, and that is no number for it"));
        self.get(keyword).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    fn seconds(&self, keyword: &str) -> Result<Option<Duration>, Unreadable> {
        if self.get(keyword) == Some("none") {
            return Ok(None);
        }
        Ok(self.number::<u32>(keyword)?.filter(|n| *n > 0).map(|n| Duration::from_secs(n.into())))
    }

    pub(super) fn settings(
        self,
        alias: &str,
        user: Option<&str>,
        port: Option<u16>,
        paths: &Paths,
    ) -> Result<Settings, Unreadable> {
        let host = self.get("hostname").map_or_else(|| alias.to_owned(), |name| name.replace("%%", "%").replace("%h", alias));
        let port = match port {
            Some(port) => port,
            None => self.number("port")?.unwrap_or(22),
        };
        let user = user.or(self.get("user")).unwrap_or(&paths.user).to_owned();
        let tokens = [("%h", host.as_str()), ("%n", alias), ("%r", &user), ("%p", &port.to_string()), ("%u", &paths.user)]
            .map(|(token, text)| (token, text.to_owned()));
        let path = |text: &String| {
            let mut text = text.replace("%d", &paths.home.to_string_lossy());
            for (token, value) in &tokens {
                text = text.replace(token, value);
            }
            paths.expand(&text.replace("%%", "%"))
        };
        let files = |keyword: &str, usual: Vec<PathBuf>| match self.first.get(keyword) {
            Some(args) if args.iter().any(|arg| arg == "none") => Vec::new(),
            Some(args) => args.iter().map(path).collect(),
            None => usual,
        };
        let own = |name: &str| paths.home.join(".ssh").join(name);
        let named: Vec<PathBuf> = self.identities.iter().filter(|name| *name != "none").map(path).collect();
        let usual = || ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"].map(own).to_vec();
        let identities = if self.identities.is_empty() { usual() } else { named };
        let sock = || std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from);
        let agent = match self.get("identityagent") {
            Some("none") => None,
            None | Some("SSH_AUTH_SOCK") => sock(),
            Some(name) if name.starts_with('$') => {
                std::env::var_os(name.trim_start_matches(['$', '{']).trim_end_matches('}')).map(PathBuf::from)
            }
            Some(name) => Some(path(&name.to_owned())),
        };
        let jumps = match self.get("proxyjump") {
            None => Vec::new(),
            Some(text) if text.eq_ignore_ascii_case("none") => Vec::new(),
            Some(text) => text.split(',').map(|hop| hop.trim().to_owned()).filter(|hop| !hop.is_empty()).collect(),
        };
        let strict = match self.get("stricthostkeychecking").map(str::to_ascii_lowercase).as_deref() {
            Some("yes") => Strict::Yes,
            Some("accept-new" | "no" | "off") => Strict::AcceptNew,
            _ => Strict::Ask,
        };
        let alive_interval = match self.first.contains_key("serveraliveinterval") {
            true => self.seconds("serveraliveinterval")?,
            // A way that died without a word is to be noticed, whatever `ssh` would do by itself.
            false => Some(Duration::from_secs(15)),
        };
        Ok(Settings {
            known_hosts: files("userknownhostsfile", vec![own("known_hosts"), own("known_hosts2")]),
            known_hosts_of_all: files(
                "globalknownhostsfile",
                vec![paths.machine.join("ssh_known_hosts"), paths.machine.join("ssh_known_hosts2")],
            ),
            identities_named: !self.identities.is_empty(),
            identities,
            identities_only: self.yes("identitiesonly", false),
            agent: agent.map_or(Agent::None, Agent::At),
            jumps,
            key_alias: self.get("hostkeyalias").map(str::to_owned),
            strict,
            hash_known_hosts: self.yes("hashknownhosts", false),
            connect_timeout: self.seconds("connecttimeout")?.unwrap_or(Duration::from_secs(15)),
            alive_interval,
            alive_count: self.number("serveralivecountmax")?.unwrap_or(3),
            batch: self.yes("batchmode", false),
            publickey: self.yes("pubkeyauthentication", true),
            password: self.yes("passwordauthentication", true),
            keyboard: self.yes("kbdinteractiveauthentication", self.yes("challengeresponseauthentication", true)),
            prompts: self.number("numberofpasswordprompts")?.unwrap_or(3).clamp(1, 10),
            beyond: self.beyond,
            alias: alias.to_owned(),
            host,
            port,
            user,
        })
    }
}

/// The files that a name with stars in its last part means, in order.
fn found(path: &Path, folder: &Path) -> Vec<PathBuf> {
    let path = if path.is_absolute() { path.to_owned() } else { folder.join(path) };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().map(|name| name.to_string_lossy().into_owned())) else {
        return Vec::new();
    };
    if !name.contains(['*', '?']) {
        return vec![path];
    }
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|file| !file.starts_with('.') && pattern::matches(&name, file)).collect();
    names.sort_unstable();
    names.into_iter().map(|name| parent.join(name)).collect()
}
