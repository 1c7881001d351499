use std::fmt;

use super::kind::Fault;
use super::words::{FaultError, wrong};
use crate::query::Query;

/// A class of requests, by path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `/api/v1/users`
    Users,
    /// `/api/v1/users/{id}`
    User,
    /// `/api/v1/users/{id}/groups`
    UserGroups,
    /// `/api/v1/groups`, the list alone
    Groups,
    /// `/api/v1/groups/{id}`
    Group,
    /// `/api/v1/groups/{id}/users`
    Members,
    /// `/api/v1/apps` and below
    Apps,
    /// `/api/v1/logs`
    Logs,
    /// `/oauth2/v1/token`
    Token,
}

impl Class {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Users, "users"),
        (Self::User, "user"),
        (Self::UserGroups, "user-groups"),
        (Self::Groups, "groups"),
        (Self::Group, "group"),
        (Self::Members, "members"),
        (Self::Apps, "apps"),
        (Self::Logs, "logs"),
        (Self::Token, "token"),
    ];

    fn holds(self, segments: &[&str]) -> bool {
        match self {
            Self::Users => matches!(segments, ["users"]),
            Self::User => matches!(segments, ["users", _]),
            Self::UserGroups => matches!(segments, ["users", _, "groups"]),
            Self::Groups => matches!(segments, ["groups"]),
            Self::Group => matches!(segments, ["groups", _]),
            Self::Members => matches!(segments, ["groups", _, "users"]),
            Self::Apps => matches!(segments, ["apps", ..]),
            Self::Logs => matches!(segments, ["logs", ..]),
            Self::Token => matches!(segments, ["oauth2", "v1", "token"]),
        }
    }
}

/// Which requests a rule is about, by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Where {
    #[default]
    Anywhere,
    Class(Class),
    /// A path such as `/api/v1/groups/{id}/users`: what stands in braces is any one segment.
    Path(String),
}

impl Where {
    pub(super) fn parse(text: &str) -> Result<Self, FaultError> {
        if text.starts_with('/') {
            return Ok(Self::Path(text.to_owned()));
        }
        match Class::ALL.iter().find(|(_, name)| *name == text) {
            Some((class, _)) => Ok(Self::Class(*class)),
            None => {
                let known = Class::ALL.map(|(_, name)| name).join(", ");
                let what =
                    format!("no class of requests ({known}), nor a path such as /api/v1/groups/{{id}}/users");
                Err(wrong("where", text, what))
            }
        }
    }

    fn holds(&self, asked: &Asked<'_>) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Class(class) => class.holds(asked.segments),
            Self::Path(pattern) => {
                let any = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
                let (mut pattern, mut path) = (pattern.split('/'), asked.path.split('/'));
                loop {
                    match (pattern.next(), path.next()) {
                        (None, None) => return true,
                        (Some(wanted), Some(found)) if any(wanted) || wanted == found => {}
                        _ => return false,
                    }
                }
            }
        }
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anywhere => f.write_str("anywhere"),
            Self::Path(path) => f.write_str(path),
            Self::Class(class) => {
                let known = Class::ALL.iter().find(|(other, _)| other == class);
                f.write_str(known.map_or("", |(_, name)| name))
            }
        }
    }
}

/// A request that a fault may strike.
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a str,
    /// Of the path, after `/api/v1`; all of the token endpoint's.
    pub(crate) segments: &'a [&'a str],
    pub(crate) query: &'a str,
    /// The group that the path is below, by id and name.
    pub(crate) group: Option<(String, String)>,
}

impl Asked<'_> {
    pub(super) fn is(&self, place: &Where, group: Option<&str>) -> bool {
        place.holds(self)
            && group.is_none_or(|wanted| {
                self.group.as_ref().is_some_and(|(id, name)| id == wanted || name == wanted)
            })
    }

    /// Does the fault make sense for this request?
    pub(super) fn may_meet(&self, fault: &Fault) -> bool {
        let is_list = matches!(self.segments, [_] | [_, _, _]) && !Class::Token.holds(self.segments);
        match fault {
            Fault::VanishedGroup => self.group.is_some(),
            Fault::BadCursor { .. } => Query::parse(self.query).get("after").is_some(),
            Fault::EmptyList
            | Fault::ShrunkenList { .. }
            | Fault::EarlyEnd
            | Fault::NextElsewhere { .. }
            | Fault::JoinedLinks
            | Fault::RepeatedLinks
            | Fault::NoLinks
            | Fault::ShortPage
            | Fault::EmptyLastPage => is_list,
            _ => true,
        }
    }
}
