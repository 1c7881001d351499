use serde_json::{Map, Value};

use super::place::Place;

/// Compares with `tests/golden/cli/NAME.snap`, what differs between runs and machines taken out.
/// `INSTA_UPDATE=always cargo test --test e2e` writes the files anew.
#[track_caller]
pub fn assert_golden(place: &Place, name: &str, text: &str) {
    let folder = place.work().display().to_string();
    let text = text.replace(&folder, "<folder>");
    insta::with_settings!({
        snapshot_path => "../../golden/cli",
        prepend_module_to_snapshot => false,
        omit_expression => true,
        filters => vec![
            // Okta's name for a request says how many there were before it.
            (r"((?:request|error)-id) [\w-]+", "$1 <id>"),
            (r"http://127\.0\.0\.1:\d+", "<simulator>"),
            // The simulator makes up nothing later than 2025: this happened in the test.
            (r"20(2[6-9]|[3-9]\d)-\d\d-\d\dT[\d:.]+Z", "<time>"),
            (r"just now|\d+ (s|min) ago", "<ago>"),
            (r"\b\d+(\.\d)? s\b", "<duration>"),
            (r#""(total|waited)": \d+"#, r#""$1": "<milliseconds>""#),
            // Columns are as wide as what was taken out.
            (r"(\S) {2,}", "$1  "),
        ],
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// The keys, with the type of each value in its place; of a list, the shape of its first entry.
pub fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "text".into(),
        Value::Array(entries) => Value::Array(entries.first().map(shape).into_iter().collect()),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect::<Map<_, _>>().into()
        }
    }
}
