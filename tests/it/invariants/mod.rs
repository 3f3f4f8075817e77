//! What must hold for every input. Each file has one function that takes bytes and makes an input of
//! them: the suite here feeds it a few at random, `fuzz` those that lead somewhere new.

mod flask;
mod pages;
mod payloads;
mod templates;

use proptest::prelude::*;

/// Bytes of which inputs are made; where they end, the rest of an input is what is simplest.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn a_payload_is_read_exactly_or_refused(bytes in bytes()) {
        payloads::hold(&bytes);
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn whatever_a_flask_database_holds_is_taken_whole_or_refused(bytes in bytes()) {
        flask::hold(&bytes);
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn nothing_that_a_page_is_given_becomes_markup(bytes in bytes()) {
        pages::hold(&bytes);
    }

    #[test]
    fn a_template_of_any_source_is_drawn_or_refused(bytes in bytes()) {
        templates::hold(&bytes);
    }
}
