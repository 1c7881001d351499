//! What a plugin answers packed is believed no more than what it answers in the contract's records.

use rollcall::model::{Attribute, GroupRef, Person, Verdict};
use rollcall::plugin::{CallError, Limits, Refusal};

use crate::component::{component_of, contract, library, manifest, wat, with_manifest};
use crate::{Limit, StopReason, limit_of, limits, load, person, refusal_of, stop_of};

const WORLD: &str = "packed-transform-plugin";

/// An answer of the size that its memory has for each of the two blocks.
struct Answer<'a> {
    texts: &'a [u8],
    /// Where not all of `texts`, or more.
    length: Option<u32>,
    numbers: &'a [u32],
}

fn answer<'a>(texts: &'a str, numbers: &'a [u32]) -> Answer<'a> {
    Answer { texts: texts.as_bytes(), length: None, numbers }
}

fn plugin(answer: &Answer<'_>) -> Vec<u8> {
    let bytes = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let length = answer.length.unwrap_or(answer.texts.len() as u32);
    let place = bytes(&[0, 64, length, 1024, answer.numbers.len() as u32]);
    let module = wat("packed")
        .replace("ANSWER", &escaped(&place))
        .replace("TEXTS", &escaped(answer.texts))
        .replace("NUMBERS", &escaped(&bytes(answer.numbers)));
    with_manifest(component_of(&module, &contract(), WORLD), &manifest("packed", "0.1"))
}

fn stop(answer: &Answer<'_>, limits: &Limits, people: &[Person]) -> (String, StopReason) {
    let (text, _, reason) = stop_of("packed", &plugin(answer), limits, people);
    (text, reason)
}

fn ann() -> Person {
    let mut ann = person("1", "ann");
    ann.user.attributes = vec![Attribute::new("a", "1"), Attribute::new("b", "2")];
    ann.groups = vec![GroupRef { id: None, name: "Staff".into() }];
    ann
}

#[test]
fn what_is_not_packed_verdicts_is_refused_with_what_is_wrong() {
    // One verdict: keep, with the six texts as given, and active.
    let kept = |rest: &[u32]| [&[1, 0, 0, 0, 0, 0, 0, 0, 1][..], rest].concat();
    for (texts, numbers, told) in [
        ("", vec![], "its packed verdicts can't be read: the numbers end too early"),
        ("", vec![u32::MAX], "its packed verdicts can't be read: the numbers end too early"),
        ("", vec![0], "it gave 0 verdicts for 1 people"),
        ("", vec![2, 1, 0, 1, 0], "it gave 2 verdicts for 1 people"),
        ("", vec![1, 3, 0], "its packed verdicts can't be read: 3 is no verdict"),
        ("out", vec![1, 1, 4], "its packed verdicts can't be read: a text ends where no text can"),
        ("é", vec![1, 1, 1], "its packed verdicts can't be read: a text ends where no text can"),
        ("", vec![1, 2, 3], "its packed verdicts can't be read: 3 is no subject"),
        (
            "",
            vec![1, 2, 0, 0, 0, 0, u32::MAX],
            "its packed verdicts can't be read: the numbers end too early",
        ),
        ("", kept(&[1, 0, 9, 0, 0]), "its packed verdicts can't be read: 9 is no kind of value"),
        (
            "",
            kept(&[4, 0, 0, 0]),
            "its packed verdicts can't be read: a list takes items that were not given, or twice or out of order",
        ),
        (
            "",
            kept(&[2, 0, 2, 0, 0, 0]),
            "its packed verdicts can't be read: a list takes items that were not given, or twice or out of order",
        ),
        ("", kept(&[3, 0]), "its packed verdicts can't be read: the numbers end too early"),
        ("", kept(&[0, 0, 0]), "its packed verdicts can't be read: something is left over"),
        ("é", kept(&[0, 0]), "its packed verdicts can't be read: something is left over"),
    ] {
        let (text, reason) = stop(&answer(texts, &numbers), &Limits::default(), &[ann()]);
        let expected = format!("plugin packed 1.0.0 stopped in shape-people: broke the contract: {told}");
        assert_eq!(text, expected, "{texts:?} {numbers:?}");
        assert!(matches!(reason, StopReason::Broke(_)));
    }
}

#[test]
fn what_is_no_text_or_not_in_its_memory_is_refused() {
    let not_text = Answer { texts: b"\xff\xfe", length: None, numbers: &[1, 1, 2] };
    let not_there = Answer { texts: b"", length: Some(u32::MAX), numbers: &[1, 1, 2] };
    for answer in [not_text, not_there] {
        let (text, reason) = stop(&answer, &Limits::default(), &[ann()]);
        assert!(matches!(reason, StopReason::Broke(_)), "{text}");
    }
}

#[test]
fn what_is_packed_counts_against_the_output() {
    let large = Answer { texts: b"", length: Some(2 << 20), numbers: &[1, 1, 2 << 20] };
    let (text, reason) = stop(&large, &limits("output-mib-per-call = 1"), &[ann()]);
    assert_eq!(limit_of(&reason), Limit::OutputPerCall, "{text}");
    assert_over_the_run(&large, ann());
}

/// What the plugin doesn't send but refers to is handed over all the same.
#[test]
fn what_is_kept_as_it_was_counts_against_the_output() {
    let mut ann = ann();
    ann.user.attributes = vec![Attribute::new("a", "x".repeat(2 << 20))];
    let kept = [1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 2, 0, 0];
    assert_over_the_run(&answer("", &kept), ann);
}

fn assert_over_the_run(answer: &Answer<'_>, person: Person) {
    let library = library(&[("fixture.wasm", &plugin(answer))]);
    let packed = load(&library, "packed", &limits("output-mib-per-run = 1")).unwrap();
    let error = packed.shape_people(&[person]).unwrap_err();
    let CallError::Stopped { reason, .. } = &error else { panic!("{error}") };
    assert_eq!(limit_of(reason), Limit::OutputPerRun, "{error}");
}

#[test]
fn a_right_answer_is_taken() {
    let numbers = [1, 0, 0, 4, 1, 0, 0, 0, 0, 2, 1, 1, 1, 2, 0, 1, 0, 2, 2, 0, 0];
    let library = library(&[("fixture.wasm", &plugin(&answer("anncé", &numbers)))]);
    let packed = load(&library, "packed", &Limits::default()).unwrap();
    let mut expected = ann();
    expected.user.username = "ann".into();
    expected.user.email = None;
    expected.user.active = false;
    expected.user.attributes = vec![Attribute::new("b", "2"), Attribute::new("c", true)];
    expected.groups.insert(0, GroupRef { id: None, name: "é".into() });
    assert_eq!(packed.shape_people(&[ann()]).unwrap(), [Verdict::Keep(expected)]);
}

#[test]
fn another_type_of_the_packed_interface_is_refused() {
    let other: Vec<_> = contract()
        .into_iter()
        .map(|(name, text)| (name, text.replace("numbers: list<u32>", "numbers: list<s32>")))
        .collect();
    let module = wat("packed");
    let bytes = component_of(&module, &other, WORLD);
    let error = refusal_of(&with_manifest(bytes, &manifest("packed", "0.1")));
    let Refusal::WrongType { name, .. } = &error.refusal else { panic!("{error}") };
    assert_eq!(name, "rollcall:plugin/packed-transform@0.1.0#shape-people");
}
