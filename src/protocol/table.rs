//! The macros behind the two tables.

/// Makes a [`super::Request`] of each row, and of all rows together the type of any request.
macro_rules! requests {
    (@ once) => { true };
    (for<$lifetime:lifetime>: $(
        $(#[doc = $doc:literal])+
        $payload:ident: $name:literal -> $answer:ty, counts as $limit:ident $($once:ident)?,
        expects $expected:literal;
    )+) => {
        $(impl Request for $payload {
            const NAME: &'static str = $name;
            const LIMIT: LimitedAction = LimitedAction::$limit;
            const IS_DONE_ONCE: bool = false $(|| requests!(@ $once))?;
            const EXPECTED: &'static str = $expected;
            type Answer<$lifetime> = $answer;
        })+

        /// A request whose payload has been read.
        #[derive(Debug)]
        pub enum AnyRequest {
            $($(#[doc = $doc])+ $payload($payload),)+
        }

        impl AnyRequest {
            /// The names of all requests, in the order of the table.
            pub const NAMES: &[&str] = &[$($name),+];

            /// Reads the payload of the request with that name; `None` when there is none.
            ///
            /// # Errors
            /// Those of `reader`.
            pub fn read<R: Reader>(name: &str, reader: R) -> Option<Result<Self, R::Error>> {
                match name {
                    $($name => Some(reader.read().map(Self::$payload)),)+
                    _ => None,
                }
            }
        }

        /// What the documents say of the requests.
        #[cfg(test)]
        pub(super) fn documented_requests(schemas: &mut schemars::SchemaGenerator) -> Vec<documents::Request> {
            vec![$(documents::Request {
                name: $name,
                text: concat!($($doc),+).trim(),
                limit: LimitedAction::$limit,
                payload: schemas.subschema_for::<$payload>(),
                answer: schemas.subschema_for::<<$payload as Request>::Answer<'static>>(),
            }),+]
        }
    };
}

/// Makes a [`super::Notification`] of each row.
macro_rules! notifications {
    ($(
        $(#[doc = $doc:literal])+
        $payload:ty: $name:literal;
    )+) => {
        $(impl Notification for $payload {
            const NAME: &'static str = $name;
        })+

        /// What the documents say of the notifications.
        #[cfg(test)]
        pub(super) fn documented_notifications(
            schemas: &mut schemars::SchemaGenerator,
        ) -> Vec<documents::Notification> {
            vec![$(documents::Notification {
                name: $name,
                text: concat!($($doc),+).trim(),
                payload: schemas.subschema_for::<$payload>(),
            }),+]
        }
    };
}

pub(super) use {notifications, requests};
