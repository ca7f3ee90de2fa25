use crate::{Document, Limits};

/// The tool of the one operation of a document, with sorted keys.
fn tool(text: &str) -> String {
    let document = Document::parse(text.as_bytes(), &Limits::default()).expect("a document");
    assert_eq!(document.omitted(), []);
    let tool = document.operations()[0].tool();
    portcullis_mcp::json::canonical(tool).expect("json")
}

#[test]
fn an_operation_becomes_a_tool() {
    let text = r##"
openapi: 3.0.3
info: {title: Pets, version: '1'}
paths:
  /pets/{id}:
    parameters:
      - {name: id, in: path, required: true, description: Which pet, schema: {type: integer, minimum: 0, exclusiveMinimum: true}}
      - {name: lang, in: query, schema: {type: string}}
    put:
      operationId: updatePet
      summary: Changes a pet
      description: All of it.
      parameters:
        - {name: lang, in: query, required: true, schema: {type: string, enum: [de, en], nullable: true, x-secret: 1}}
        - {name: 'filter[name]', in: query, schema: {type: array, items: {type: string}}}
        - {name: id, in: header, schema: {type: string}}
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Pet', description: ignored in 3.0}}
      responses:
        '200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}
        default: {description: no}
components:
  schemas:
    Pet:
      type: object
      required: [name]
      properties:
        name: {type: string, example: Rex}
        parent: {$ref: '#/components/schemas/Pet'}
"##;
    insta::assert_snapshot!(tool(text), @r##"{"annotations":{"idempotentHint":true,"readOnlyHint":false},"description":"Changes a pet\n\nAll of it.","inputSchema":{"$defs":{"Pet":{"properties":{"name":{"type":"string"},"parent":{"$ref":"#/$defs/Pet"}},"required":["name"],"type":"object"}},"additionalProperties":false,"properties":{"body":{"$ref":"#/$defs/Pet"},"filter_name_":{"items":{"type":"string"},"type":"array"},"id":{"description":"Which pet","exclusiveMinimum":0,"type":"integer"},"id_2":{"type":"string"},"lang":{"enum":["de","en",null],"type":["string","null"]}},"required":["body","id","lang"],"type":"object"},"name":"updatePet","outputSchema":{"$defs":{"Pet":{"properties":{"name":{"type":"string"},"parent":{"$ref":"#/$defs/Pet"}},"required":["name"],"type":"object"}},"properties":{"name":{"type":"string"},"parent":{"$ref":"#/$defs/Pet"}},"required":["name"],"type":"object"},"title":"Changes a pet"}"##);
}

#[test]
fn names_of_operations_without_words_come_from_the_path() {
    let text = "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"T\",\"version\":\"1\"},\"paths\":{\"/a-b/{c}.json\":{\"delete\":{\"parameters\":[{\"name\":\"c\",\"in\":\"path\",\"required\":true}]}}}}";
    insta::assert_snapshot!(tool(text), @r##"{"annotations":{"destructiveHint":true,"idempotentHint":true,"readOnlyHint":false},"description":"DELETE /a-b/{c}.json","inputSchema":{"additionalProperties":false,"properties":{"c":{}},"required":["c"],"type":"object"},"name":"delete_a_b_c_json"}"##);
}

#[test]
fn an_output_schema_needs_one_success_with_an_object() {
    let returns = |responses: &str| {
        let text = format!(
            "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\npaths: {{/a: {{get: {{responses: {responses}}}}}}}\n"
        );
        let document = Document::parse(text.as_bytes(), &Limits::default()).expect("a document");
        let operation = &document.operations()[0];
        assert_eq!(
            operation.returns_object(),
            operation.tool().contains("outputSchema")
        );
        operation.returns_object()
    };
    let json = |schema: &str| format!("{{content: {{application/json: {{schema: {schema}}}}}}}");
    let object = json("{type: object}");
    assert!(returns(&format!("{{200: {object}}}")));
    assert!(returns(&format!("{{2XX: {object}, 404: {object}}}")));
    assert!(!returns(&format!("{{200: {object}, 204: {{}}}}")));
    assert!(!returns(&format!("{{200: {}}}", json("{type: array}"))));
    assert!(!returns(&format!("{{200: {}}}", json("{}"))));
    assert!(!returns(
        "{200: {content: {text/plain: {schema: {type: object}}}}}"
    ));
    assert!(!returns(&format!("{{404: {object}}}")));
}
