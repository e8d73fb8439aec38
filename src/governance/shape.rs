//! How times and days look in JSON, for those who describe it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A name for a type of `time`, and the format of its text in JSON Schema.
macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident $format:literal)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format })
            }
        }
    )*};
}

shapes! {
    /// A time in UTC (RFC 3339).
    Moment "date-time"
    /// A day, such as 2026-12-01.
    Day "date"
}
