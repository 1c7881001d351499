use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::body::SimBody;
use super::kind::Fault;
use crate::time::Clock;

/// Why no answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    Reset,
    Silence,
}

const LIMIT: HeaderName = HeaderName::from_static("x-rate-limit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");

/// What a proxy in front of Okta shows to whom it doesn't know.
const LOGIN_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form method=\"post\">\
                          <input name=\"user\"><input name=\"password\" type=\"password\"></form></body></html>\n";

/// What a gateway says when nothing behind it answers.
const GATEWAY: &str = "upstream connect error or disconnect/reset before headers";

/// Spoils a response's headers and bytes.
pub(crate) fn spoil(
    fault: &Fault,
    response: Response<Bytes>,
    clock: &Clock,
) -> Result<Response<SimBody>, NoAnswer> {
    let (mut head, mut body) = response.into_parts();
    let headers = &mut head.headers;
    match fault {
        Fault::ConnectionReset => return Err(NoAnswer::Reset),
        Fault::Silence => return Err(NoAnswer::Silence),
        Fault::RateLimited { reset, body: json } => {
            set(headers, REMAINING, 0);
            match reset {
                Some(seconds) => set(headers, RESET, clock.unix().as_secs() + u64::from(*seconds)),
                None => {
                    headers.remove(RESET);
                }
            }
            if !json {
                headers.remove(header::CONTENT_TYPE);
                headers.remove(header::CONTENT_ENCODING);
                body = Bytes::new();
            }
        }
        Fault::TooManyAtOnce => {
            set(headers, LIMIT, 0);
            set(headers, REMAINING, 0);
        }
        Fault::NoReset => {
            headers.remove(RESET);
        }
        Fault::ClockSkew { seconds } => {
            if let Ok(date) = HeaderValue::from_str(&clock.http_date_moved(*seconds)) {
                headers.insert(header::DATE, date);
            }
            let reset = headers.get(RESET).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            if let Some(reset) = reset {
                set(headers, RESET, reset.saturating_add_signed(*seconds));
            }
        }
        Fault::LoginPage => {
            head.status = StatusCode::OK;
            body = foreign(headers, "text/html; charset=utf-8", LOGIN_PAGE);
        }
        Fault::Unavailable => {
            head.status = StatusCode::SERVICE_UNAVAILABLE;
            body = foreign(headers, "text/plain", GATEWAY);
        }
        Fault::Garbled => body = garbled(&body),
        Fault::HalfBody => body.truncate(body.len() / 2),
        Fault::Truncated => return Ok(Response::from_parts(head, SimBody::cut(body))),
        Fault::Drip { bytes, pause } => {
            return Ok(Response::from_parts(head, SimBody::drip(body, *bytes, *pause)));
        }
        _ => {}
    }
    Ok(Response::from_parts(head, SimBody::whole(body)))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: u64) {
    headers.insert(name, HeaderValue::from(value));
}

/// Somebody else answers in Okta's place: none of its headers.
fn foreign(headers: &mut HeaderMap, content_type: &'static str, body: &'static str) -> Bytes {
    let date = headers.remove(header::DATE);
    headers.clear();
    headers.extend(date.map(|date| (header::DATE, date)));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Bytes::from_static(body.as_bytes())
}

/// Every seventh byte of the middle half with its highest bit turned over: no text stays UTF-8, and no gzip whole.
fn garbled(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    let (start, end) = (bytes.len() / 4, bytes.len() * 3 / 4);
    bytes[start..end].iter_mut().step_by(7).for_each(|byte| *byte ^= 0x80);
    Bytes::from(bytes)
}
