//! What acts and answers look like, as OpenAPI 3.1: read off the types and the table of acts, so that it cannot say
//! anything else than they do.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{About, Act, Outcome};

/// The whole description.
pub fn openapi() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let [acts, outcomes] = [generator.root_schema_for::<Act>(), generator.root_schema_for::<Outcome>()];
    let mut schemas = Map::new();
    for (name, schema) in variants(outcomes.as_value(), "outcome") {
        schemas.insert(answer(&name), schema);
    }
    for root in [acts.as_value(), outcomes.as_value()] {
        let definitions = root.get("components").and_then(|components| components.get("schemas")).and_then(Value::as_object);
        schemas.extend(definitions.into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())));
    }
    // What nothing reads is refused, however deep it lies.
    let closed = |schema: &mut Value| {
        let open = schema.as_object_mut().filter(|schema| schema.get("properties").is_some());
        open.map(|schema| schema.insert("additionalProperties".to_owned(), false.into()));
    };
    for schema in schemas.values_mut() {
        closed(schema);
        schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten().for_each(closed);
    }
    let mut paths = Map::new();
    for (name, schema) in variants(acts.as_value(), "act") {
        if let Some(about) = Act::ALL.iter().find(|about| about.name == name) {
            paths.insert(format!("/v1/acts/{name}"), json!({ "post": operation(about, schema) }));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lucarne",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every act of a node. A login gives a token for the header `Authorization: Bearer`; a program \
                            takes one of its owner's own (issue_token). What is refused has a stable code and words in \
                            French and English.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// The name of an outcome's schema: `not_done` is `NotDoneAnswer`.
fn answer(outcome: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    };
    outcome.split('_').map(word).collect::<String>() + "Answer"
}

/// What a tagged enum can be: the tag's value, and the schema.
fn variants<'a>(root: &'a Value, tag: &'a str) -> impl Iterator<Item = (String, Value)> + 'a {
    let variants = root.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    variants.filter_map(move |schema| {
        let name = schema.get("properties")?.get(tag)?.get("const")?.as_str()?;
        Some((name.to_owned(), schema.clone()))
    })
}

fn operation(about: &About, mut body: Value) -> Value {
    // The path says which act it is.
    let described = body.as_object_mut().and_then(|body| body.remove("description"));
    if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("act");
    }
    if let Some(required) = body.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != "act");
    }
    // Who has nothing to say may say nothing.
    let says = body.get("required").and_then(Value::as_array).is_some_and(|required| !required.is_empty());
    if let Some(body) = body.as_object_mut() {
        body.insert("additionalProperties".to_owned(), false.into());
    }
    let described = described.as_ref().and_then(Value::as_str).map(|text| text.replace('\n', " ")).unwrap_or_default();
    let told = |outcome: &str, when: &str| {
        let schema = json!({ "$ref": format!("#/components/schemas/{}", answer(outcome)) });
        json!({ "description": when, "content": { "application/json": { "schema": schema } } })
    };
    let needs = about.right.map_or("a way in".to_owned(), |right| format!("needs the right `{}`", right.name()));
    let security = if about.right.is_some() { json!([{ "token": [] }]) } else { json!([]) };
    json!({
        "operationId": about.name,
        "summary": about.name.replace('_', " "),
        "description": format!("{described}\n\n({needs})").trim_start(),
        "security": security,
        "requestBody": { "required": says, "content": { "application/json": { "schema": body } } },
        "responses": {
            "200": told(about.answer, "done"),
            "400": told("not_done", "the body cannot be read"),
            "401": told("refused", "nobody is in: no login or token, or it is over, or what was shown is wrong"),
            "403": told("refused", "a rule refuses it: the code says which"),
            "413": told("not_done", "the body is too long"),
            "422": told("not_done", "the order, or how things are, stands in the way"),
            "429": told("refused", "too often: wait"),
            "503": told("failed", "the node cannot now: order it again later"),
        },
    })
}
