//! The contract `wit/0.1` as Rust types, and their conversion to and from the host's words.
//!
//! Answers are converted by moving: a page of a thousand people costs no copy but the one out of the sandbox.

mod generated {
    pub mod source {
        wasmtime::component::bindgen!({
            path: "../wit/0.1",
            world: "source-plugin",
            // So that a plugin that floods the log can be stopped.
            imports: { default: trappable },
        });
    }

    pub mod transform {
        wasmtime::component::bindgen!({
            path: "../wit/0.1",
            world: "transform-plugin",
            with: {
                "rollcall:plugin/types": super::source::rollcall::plugin::types,
                "rollcall:plugin/host": super::source::rollcall::plugin::host,
            },
        });
    }
}

pub use generated::source::exports::rollcall::plugin::source;
pub use generated::source::rollcall::plugin::{host, http, types};
pub use generated::transform::exports::rollcall::plugin::transform;

use crate::model;

/// Moves each item of a list.
fn all<A, B: From<A>>(items: Vec<A>) -> Vec<B> {
    items.into_iter().map(B::from).collect()
}

/// Copies each item of a list.
pub fn copied<'a, A, B: From<&'a A>>(items: &'a [A]) -> Vec<B> {
    items.iter().map(B::from).collect()
}

impl From<types::Value> for model::Value {
    fn from(value: types::Value) -> Self {
        match value {
            types::Value::Text(text) => Self::Text(text),
            types::Value::Boolean(value) => Self::Boolean(value),
            types::Value::Integer(value) => Self::Integer(value),
            // Not a number and infinity have no JSON form, which means absent.
            types::Value::Decimal(value) if !value.is_finite() => Self::Json("null".into()),
            types::Value::Decimal(value) => Self::Decimal(value),
            types::Value::Texts(texts) => Self::Texts(texts),
            types::Value::Json(text) => Self::Json(text),
        }
    }
}

impl From<types::Attribute> for model::Attribute {
    fn from(attribute: types::Attribute) -> Self {
        Self { name: attribute.name, value: attribute.value.into() }
    }
}

impl From<types::User> for model::User {
    fn from(user: types::User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            display_name: user.display_name,
            given_name: user.given_name,
            family_name: user.family_name,
            active: user.active,
            attributes: all(user.attributes),
        }
    }
}

impl From<types::Group> for model::Group {
    fn from(group: types::Group) -> Self {
        Self {
            id: group.id,
            name: group.name,
            description: group.description,
            attributes: all(group.attributes),
        }
    }
}

impl From<types::Subject> for model::Subject {
    fn from(subject: types::Subject) -> Self {
        match subject {
            types::Subject::User(id) => Self::User(id),
            types::Subject::Group(id) => Self::Group(id),
        }
    }
}

impl From<&model::Subject> for types::Subject {
    fn from(subject: &model::Subject) -> Self {
        match subject {
            model::Subject::User(id) => Self::User(id.clone()),
            model::Subject::Group(id) => Self::Group(id.clone()),
        }
    }
}

impl From<types::Error> for model::PluginError {
    fn from(error: types::Error) -> Self {
        Self { code: error.code, message: error.message, hint: error.hint, details: all(error.details) }
    }
}

impl From<types::Problem> for model::Problem {
    fn from(problem: types::Problem) -> Self {
        Self { subject: problem.subject.map(Into::into), error: problem.error.into() }
    }
}

impl From<http::Method> for model::Method {
    fn from(method: http::Method) -> Self {
        match method {
            http::Method::Get => Self::Get,
            http::Method::Post => Self::Post,
            http::Method::Put => Self::Put,
            http::Method::Patch => Self::Patch,
            http::Method::Delete => Self::Delete,
        }
    }
}

impl From<model::Method> for http::Method {
    fn from(method: model::Method) -> Self {
        match method {
            model::Method::Get => Self::Get,
            model::Method::Post => Self::Post,
            model::Method::Put => Self::Put,
            model::Method::Patch => Self::Patch,
            model::Method::Delete => Self::Delete,
        }
    }
}

impl From<http::Header> for model::Header {
    fn from(header: http::Header) -> Self {
        Self { name: header.name, value: header.value }
    }
}

impl From<&model::Header> for http::Header {
    fn from(header: &model::Header) -> Self {
        Self { name: header.name.clone(), value: header.value.clone() }
    }
}

impl From<http::Request> for model::Request {
    fn from(request: http::Request) -> Self {
        Self {
            method: request.method.into(),
            path: request.path,
            headers: all(request.headers),
            body: request.body,
            bucket: request.bucket,
            about: request.about.map(Into::into),
            version: request.version,
            context: request.context,
        }
    }
}

impl From<&model::Request> for http::Request {
    fn from(request: &model::Request) -> Self {
        Self {
            method: request.method.into(),
            path: request.path.clone(),
            headers: copied(&request.headers),
            body: request.body.clone(),
            bucket: request.bucket.clone(),
            about: request.about.as_ref().map(Into::into),
            version: request.version.clone(),
            context: request.context.clone(),
        }
    }
}

impl From<model::Response> for http::Response {
    fn from(response: model::Response) -> Self {
        Self { status: response.status, headers: copied(&response.headers), body: response.body }
    }
}

impl From<&model::Scope> for source::Scope {
    fn from(scope: &model::Scope) -> Self {
        match scope {
            model::Scope::Full => Self::Full,
            model::Scope::Changes => Self::Changes,
            model::Scope::User(user) => Self::User(user.clone()),
            model::Scope::Probe => Self::Probe,
        }
    }
}

impl From<source::Members> for model::Members {
    fn from(members: source::Members) -> Self {
        match members {
            source::Members::Some(ids) => Self::Some(ids),
            source::Members::Add(ids) => Self::Add(ids),
            source::Members::Remove(ids) => Self::Remove(ids),
            source::Members::Everyone => Self::Everyone,
            source::Members::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

impl From<source::Membership> for model::Membership {
    fn from(membership: source::Membership) -> Self {
        Self { group: membership.group, members: membership.members.into() }
    }
}

impl From<source::Page> for model::Page {
    fn from(page: source::Page) -> Self {
        Self {
            users: all(page.users),
            groups: all(page.groups),
            memberships: all(page.memberships),
            gone: all(page.gone),
            problems: all(page.problems),
            checkpoints: page.checkpoints,
            next: all(page.next),
            extra: all(page.extra),
        }
    }
}

impl From<transform::GroupRef> for model::GroupRef {
    fn from(group: transform::GroupRef) -> Self {
        Self { id: group.id, name: group.name }
    }
}

impl From<transform::Person> for model::Person {
    fn from(person: transform::Person) -> Self {
        Self { user: person.user.into(), groups: all(person.groups) }
    }
}

impl From<transform::GroupVerdict> for model::GroupVerdict {
    fn from(verdict: transform::GroupVerdict) -> Self {
        match verdict {
            transform::GroupVerdict::Keep(group) => Self::Keep(group.into()),
            transform::GroupVerdict::Hide(group) => Self::Hide(group.into()),
            transform::GroupVerdict::Drop(reason) => Self::Drop(reason),
        }
    }
}

impl From<transform::Verdict> for model::Verdict {
    fn from(verdict: transform::Verdict) -> Self {
        match verdict {
            transform::Verdict::Keep(person) => Self::Keep(person.into()),
            transform::Verdict::Drop(reason) => Self::Drop(reason),
            transform::Verdict::Skip(problem) => Self::Skip(problem.into()),
        }
    }
}
