//! JSON and its schema.

use serde_json::Value;

/// Holds a value against the little of JSON Schema that ours uses, and its documentation against being empty.
#[track_caller]
pub fn check_schema(value: &Value, schema: &Value) {
    compare(value, schema, schema, "$");
}

#[track_caller]
fn compare(value: &Value, schema: &Value, root: &Value, at: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => root.pointer(name.trim_start_matches('#')).expect("a definition"),
        None => schema,
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<_> = schema["type"].as_array().map_or_else(|| vec![&schema["type"]], |kinds| kinds.iter().collect());
    assert!(kinds.iter().any(|allowed| *allowed == kind), "{at} is {kind}, not {kinds:?}");
    if let Value::Object(members) = value {
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(members.contains_key(required.as_str().unwrap()), "{at} lacks {required}");
        }
        for (name, member) in members {
            // A map, whose keys the description of the map names.
            if schema["additionalProperties"] == true {
                continue;
            }
            let property = &schema["properties"][name];
            assert!(property["description"].is_string(), "{at}.{name} is not documented");
            compare(member, property, root, &format!("{at}.{name}"));
        }
    }
    if let Value::Array(elements) = value {
        for (place, element) in elements.iter().enumerate() {
            let of_place = schema["prefixItems"].get(place).unwrap_or(&schema["items"]);
            compare(element, of_place, root, &format!("{at}[{place}]"));
        }
    }
}
