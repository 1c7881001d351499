/// The candidate that a mistyped word most likely means, if any is near: "did you mean".
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        // A third of the word may be wrong, and in a short word at least one letter.
        .filter(|(distance, _)| *distance <= (word.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typing_mistakes_are_found_and_other_words_are_not() {
        let names = ["okta", "entra-id", "rules"];
        assert_eq!(nearest("otka", names), Some("okta"));
        assert_eq!(nearest("Okta", names), Some("okta"));
        assert_eq!(nearest("entraid", names), Some("entra-id"));
        assert_eq!(nearest("ldap", names), None);
        assert_eq!(nearest("", []), None);
    }
}
