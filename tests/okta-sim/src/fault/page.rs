use std::borrow::Cow;

use super::kind::Fault;
use crate::paging::Page;
use crate::quirks::Quirks;
use crate::rng::mix;

impl Fault {
    /// The quirks that this one answer shows.
    pub(crate) fn quirks<'a>(&self, usual: &'a Quirks) -> Cow<'a, Quirks> {
        let mut quirks = usual.clone();
        match self {
            Self::NextElsewhere { origin } => quirks.next_origin = Some(origin.clone()),
            Self::JoinedLinks => quirks.one_link_header = true,
            Self::ShortPage => quirks.short_pages = true,
            Self::EmptyLastPage => quirks.empty_last_page = true,
            _ => return Cow::Borrowed(usual),
        }
        Cow::Owned(quirks)
    }

    /// What a page holds of what it should, and what its cursor names: the last object of the whole page.
    pub(crate) fn rows<'a>(&self, page: &'a Page) -> (Cow<'a, [u32]>, Option<u32>) {
        let (rows, last) = (&page.rows[..], page.last());
        match self {
            Self::EmptyList => (Cow::Borrowed(&[]), None),
            Self::EarlyEnd => (Cow::Borrowed(rows), None),
            Self::ShrunkenList { left_out } => {
                let stays = |row: &u32| mix(u64::from(*row)) as f64 >= left_out * u64::MAX as f64;
                (rows.iter().copied().filter(stays).collect(), last)
            }
            _ => (Cow::Borrowed(rows), last),
        }
    }

    pub(crate) fn links(&self, links: Vec<String>) -> Vec<String> {
        match self {
            Self::NoLinks => Vec::new(),
            Self::RepeatedLinks => links.into_iter().flat_map(|link| [link.clone(), link]).collect(),
            _ => links,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrunken_page_leaves_out_always_the_same() {
        let page = Page { rows: (0..1000).collect(), more: true };
        let (rows, last) = Fault::ShrunkenList { left_out: 0.25 }.rows(&page);
        assert!((650..850).contains(&rows.len()), "{}", rows.len());
        assert_eq!(last, Some(999));
        assert_eq!(Fault::ShrunkenList { left_out: 0.25 }.rows(&page).0, rows);
        assert_eq!(Fault::ShrunkenList { left_out: 1.0 }.rows(&page), (vec![].into(), Some(999)));
        assert_eq!(Fault::EmptyList.rows(&page), (vec![].into(), None));
        assert_eq!(Fault::EarlyEnd.rows(&page).1, None);
    }
}
