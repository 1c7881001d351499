use std::fmt;
use std::time::Duration;

use super::words::{FaultError, Words, wrong};

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// 429 E0000047 although the bucket isn't used up.
    RateLimited {
        /// The reset header says that many seconds after `Date`; there is none with `None`.
        reset: Option<u32>,
        /// Okta's JSON, or nothing at all, as a gateway's own limit has it.
        body: bool,
    },
    /// 429 with limit and remaining 0.
    TooManyAtOnce,
    /// 500 E0000009: Okta ran out of time.
    ServerError,
    /// 503 by a gateway: plain text, none of Okta's headers.
    Unavailable,
    /// The connection is reset before an answer begins (over HTTP/2: the stream).
    ConnectionReset,
    /// Half of the announced body, then the connection ends.
    Truncated,
    /// Half of the body in a transfer that ends well: gzip that breaks off, or half of the JSON.
    HalfBody,
    /// Bytes in the middle of the body are wrong.
    Garbled,
    /// The body comes in small pieces with pauses.
    Drip { bytes: usize, pause: Duration },
    /// The request is accepted and never answered.
    Silence,
    /// 200 with a web page instead of JSON, as a proxy that wants a login sends it.
    LoginPage,
    /// 400 `Invalid cursor.`, with E0000029 or E0000031.
    BadCursor { searching: bool },
    /// 401 E0000011: the token is not valid any more.
    Unauthorized,
    /// 403 E0000005, which OAuth tokens get at random in the middle of a scan.
    SessionEnded,
    /// 403 E0000006.
    Forbidden,
    /// The group is deleted before its members or itself are read: 404 E0000007, now and later.
    VanishedGroup,
    /// 200 with an empty list and no next link.
    EmptyList,
    /// A page leaves out about this share of its objects, always the same ones.
    ShrunkenList { left_out: f64 },
    /// A page without the next link that it should have.
    EarlyEnd,
    /// The next link names another scheme and host.
    NextElsewhere { origin: String },
    /// Both links in one header, joined by a comma.
    JoinedLinks,
    /// Each link twice.
    RepeatedLinks,
    /// No `Link` header at all: something on the way took it out.
    NoLinks,
    /// Half a page, with a next link.
    ShortPage,
    /// The last page with objects links to one without.
    EmptyLastPage,
    /// The server's clock, in `Date` and reset, is off by that many seconds.
    ClockSkew { seconds: i64 },
    /// Limit and remaining, and no reset header.
    NoReset,
}

/// Where the next link of [`Fault::NextElsewhere`] leads unless told: nowhere, in a domain that can't exist
/// (RFC 2606).
const ELSEWHERE: &str = "https://elsewhere.invalid";

impl Fault {
    /// Every fault: its name, its options, and what it does in a line.
    pub const ALL: [(&str, &str, &str); 27] = [
        (
            "rate-limited",
            "[reset=SECONDS|none] [body=json|none]",
            "429 E0000047, reset after 1 s unless told",
        ),
        ("too-many-at-once", "", "429 with limit and remaining 0"),
        ("server-error", "", "500 E0000009"),
        ("unavailable", "", "503 of a gateway, plain text"),
        ("connection-reset", "", "the connection is reset, nothing answered"),
        ("truncated", "", "half of the announced body, then the connection ends"),
        ("half-body", "", "half of the body, gzip or JSON, as if it were whole"),
        ("garbled", "", "wrong bytes in the middle of the body"),
        ("drip", "[bytes=N] [pause=MILLISECONDS]", "the body in pieces, 64 bytes every 20 ms unless told"),
        ("silence", "", "never answered"),
        ("login-page", "", "200 with a web page instead of JSON"),
        ("bad-cursor", "[code=E0000029|E0000031]", "400 `Invalid cursor.`, where there is a cursor"),
        ("unauthorized", "", "401 E0000011"),
        ("session-ended", "", "403 E0000005"),
        ("forbidden", "", "403 E0000006"),
        ("vanished-group", "", "the group is deleted when it or its members are asked for"),
        ("empty-list", "", "200 with an empty list"),
        ("shrunken-list", "[share=0.5]", "a page leaves out this share of its objects"),
        ("early-end", "", "a page without its next link"),
        ("next-elsewhere", "[origin=URL]", "the next link names another host"),
        ("joined-links", "", "both links in one header"),
        ("repeated-links", "", "each link twice"),
        ("no-links", "", "no Link header"),
        ("short-page", "", "half a page, with a next link"),
        ("empty-last-page", "", "the last page links to an empty one"),
        ("clock-skew", "[by=SECONDS]", "Date and reset are off, an hour ahead unless told"),
        ("no-reset", "", "no reset header"),
    ];

    pub(super) fn names() -> String {
        Self::ALL.map(|(name, ..)| name).join(", ")
    }

    pub(super) fn take_from(words: &mut Words) -> Result<Self, FaultError> {
        let name = words.name.clone().ok_or_else(|| FaultError::Empty { known: Self::names() })?;
        Ok(match name.as_str() {
            "rate-limited" => Self::RateLimited { reset: reset(words)?, body: body(words)? },
            "too-many-at-once" => Self::TooManyAtOnce,
            "server-error" => Self::ServerError,
            "unavailable" => Self::Unavailable,
            "connection-reset" => Self::ConnectionReset,
            "truncated" => Self::Truncated,
            "half-body" => Self::HalfBody,
            "garbled" => Self::Garbled,
            "drip" => Self::Drip {
                bytes: words.number("bytes", "a number above 0", |&bytes| bytes > 0)?.unwrap_or(64),
                pause: Duration::from_millis(
                    words.number("pause", "a number of milliseconds", |_| true)?.unwrap_or(20),
                ),
            },
            "silence" => Self::Silence,
            "login-page" => Self::LoginPage,
            "bad-cursor" => Self::BadCursor { searching: searching(words)? },
            "unauthorized" => Self::Unauthorized,
            "session-ended" => Self::SessionEnded,
            "forbidden" => Self::Forbidden,
            "vanished-group" => Self::VanishedGroup,
            "empty-list" => Self::EmptyList,
            "shrunken-list" => Self::ShrunkenList {
                left_out: words
                    .number("share", "above 0 and at most 1", |&share| share > 0.0 && share <= 1.0)?
                    .unwrap_or(0.5),
            },
            "early-end" => Self::EarlyEnd,
            "next-elsewhere" => Self::NextElsewhere { origin: origin(words)? },
            "joined-links" => Self::JoinedLinks,
            "repeated-links" => Self::RepeatedLinks,
            "no-links" => Self::NoLinks,
            "short-page" => Self::ShortPage,
            "empty-last-page" => Self::EmptyLastPage,
            "clock-skew" => Self::ClockSkew {
                seconds: words.number("by", "a whole number of seconds", |_| true)?.unwrap_or(3600),
            },
            "no-reset" => Self::NoReset,
            _ => return Err(FaultError::Unknown { name, known: Self::names() }),
        })
    }
}

fn reset(words: &mut Words) -> Result<Option<u32>, FaultError> {
    match words.take("reset") {
        None => Ok(Some(1)),
        Some(value) if value == "none" => Ok(None),
        Some(value) => {
            let seconds = value.parse();
            seconds.map(Some).map_err(|_| wrong("reset", value, "not a number of seconds, or none"))
        }
    }
}

fn body(words: &mut Words) -> Result<bool, FaultError> {
    match words.take("body").as_deref() {
        None | Some("json") => Ok(true),
        Some("none") => Ok(false),
        Some(other) => Err(wrong("body", other, "neither json nor none")),
    }
}

fn searching(words: &mut Words) -> Result<bool, FaultError> {
    match words.take("code").as_deref() {
        None | Some("E0000029") => Ok(false),
        Some("E0000031") => Ok(true),
        Some(other) => Err(wrong("code", other, "neither E0000029 nor E0000031")),
    }
}

fn origin(words: &mut Words) -> Result<String, FaultError> {
    let origin = words.take("origin").unwrap_or_else(|| ELSEWHERE.to_owned());
    let host = origin.strip_prefix("https://").or(origin.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '>']) => Ok(origin),
        _ => Err(wrong("origin", origin, "not a scheme and host such as https://acme.example")),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::RateLimited { reset, body } => {
                let body = if *body { "" } else { " body=none" };
                return match reset {
                    Some(seconds) => write!(f, "rate-limited reset={seconds}{body}"),
                    None => write!(f, "rate-limited reset=none{body}"),
                };
            }
            Self::Drip { bytes, pause } => {
                return write!(f, "drip bytes={bytes} pause={}", pause.as_millis());
            }
            Self::BadCursor { searching: true } => "bad-cursor code=E0000031",
            Self::BadCursor { searching: false } => "bad-cursor code=E0000029",
            Self::ShrunkenList { left_out } => return write!(f, "shrunken-list share={left_out}"),
            Self::NextElsewhere { origin } => return write!(f, "next-elsewhere origin={origin}"),
            Self::ClockSkew { seconds } => return write!(f, "clock-skew by={seconds}"),
            Self::TooManyAtOnce => "too-many-at-once",
            Self::ServerError => "server-error",
            Self::Unavailable => "unavailable",
            Self::ConnectionReset => "connection-reset",
            Self::Truncated => "truncated",
            Self::HalfBody => "half-body",
            Self::Garbled => "garbled",
            Self::Silence => "silence",
            Self::LoginPage => "login-page",
            Self::Unauthorized => "unauthorized",
            Self::SessionEnded => "session-ended",
            Self::Forbidden => "forbidden",
            Self::VanishedGroup => "vanished-group",
            Self::EmptyList => "empty-list",
            Self::EarlyEnd => "early-end",
            Self::JoinedLinks => "joined-links",
            Self::RepeatedLinks => "repeated-links",
            Self::NoLinks => "no-links",
            Self::ShortPage => "short-page",
            Self::EmptyLastPage => "empty-last-page",
            Self::NoReset => "no-reset",
        };
        f.write_str(name)
    }
}
