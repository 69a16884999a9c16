//! The document of the interface, generated from the route list. What all routes share (errors, the bearer token, the
//! path's parameters) is added here once instead of at each route.

use chat_common::event::history::Has;
use chat_common::rest::ErrorReply;
use chat_common::{ClientId, Cursor, Emoji, Epoch, RoomName, RoomRef, Seq, Timestamp, UserName};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, Header, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};

/// What the route list does not say.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "chat-server", description = "A self-hosted chat: everything that is said lives in rooms, each a numbered log.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(ErrorReply, ClientId, Cursor, Emoji, Epoch, Has, RoomName, RoomRef, Seq, Timestamp, UserName)),
    tags(
        (name = "sessions", description = "Coming in and going out"),
        (name = "self", description = "Oneself, API tokens, sessions"),
        (name = "rooms", description = "Rooms"),
        (name = "members", description = "Members, moderation, presence"),
        (name = "messages", description = "Messages"),
        (name = "hooks", description = "Webhooks, in and out"),
        (name = "admin", description = "For admins of the server"),
        (name = "health", description = "For supervisors and balancers"),
    )
)]
pub struct Frame;

/// The document as served at `/api/v1/openapi.json`.
pub fn document() -> OpenApi {
    super::routes::parts().1
}

/// An empty document with the frame, for the route list to fill.
pub fn frame() -> OpenApi {
    Frame::openapi()
}

/// Adds what all routes share.
pub fn complete(mut api: OpenApi) -> OpenApi {
    if let Some(components) = api.components.as_mut() {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An access token of a session, or an API token."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        for (status, name, said) in FAILURES {
            components.responses.insert(name.to_owned(), RefOr::T(failure(status, said)));
        }
    }
    for (path, item) in &mut api.paths.paths {
        for operation in operations(item) {
            describe(path, operation);
        }
    }
    api
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn describe(path: &str, operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    for name in path.split('/').filter_map(|s| s.strip_prefix('{').and_then(|s| s.strip_suffix('}'))) {
        parameters.push(RefOr::T(path_parameter(name)));
    }
    let (named, asked) = (path.contains('{'), !parameters.is_empty());
    if !asked {
        operation.parameters = None;
    }
    if !path.starts_with("/api/") && !path.starts_with("/hooks/") {
        return;
    }
    if operation.security.is_none() && path.starts_with("/api/") {
        operation.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
    }
    let body = operation.request_body.is_some();
    // A route that asks for no token says so by an empty requirement.
    let secured =
        operation.security.as_ref().is_some_and(|all| all.iter().all(|one| *one != SecurityRequirement::default()));
    let answers = &mut operation.responses.responses;
    for (status, name, _) in FAILURES {
        let always = match status {
            400 => asked || body,
            401 | 403 => secured,
            404 => named,
            413 | 415 => body,
            500 | 503 => true,
            // The route itself names these.
            _ => false,
        };
        let named = answers.get(&status.to_string()).is_some_and(|a| matches!(a, RefOr::T(a) if a.content.is_empty()));
        if always || named {
            answers.insert(status.to_string(), RefOr::Ref(Ref::from_response_name(name)));
        }
    }
}

/// What can go wrong: status, name of the shared answer, meaning. A route has those that follow from what it takes (a
/// path, a body, a token), and names the others by their status alone.
const FAILURES: [(u16, &str, &str); 10] = [
    (400, "Invalid", "The input is wrong; `field` names where."),
    (401, "Unauthorized", "No, bad, expired or revoked token."),
    (403, "Forbidden", "Known, but not allowed: `forbidden`, `banned` or `muted`."),
    (404, "NotFound", "It is not there, or not for this asker to see."),
    (409, "Conflict", "Taken, or said before with another content."),
    (413, "TooLarge", "Over a limit of size."),
    (415, "UnsupportedMediaType", "The body is of another kind than the ones listed."),
    (429, "RateLimited", "Too often; `retry_after_ms` and `Retry-After` say when to come back."),
    (500, "Internal", "A fault of the server; its log says more."),
    (503, "Unavailable", "Not now: the store is away, or there was no answer within 8 s. Repeating is safe."),
];

fn failure(status: u16, said: &str) -> Response {
    let schema = RefOr::Ref(Ref::from_schema_name(ErrorReply::name()));
    let mut answer =
        ResponseBuilder::new().description(said).content("application/json", Content::new(Some(schema))).build();
    let header = |said: &str, kind| {
        let mut header = Header::new(ObjectBuilder::new().schema_type(kind).build());
        header.description = Some(said.to_owned());
        header
    };
    if status == 401 {
        answer.headers.insert("WWW-Authenticate".to_owned(), header("`Bearer`", Type::String).into());
    }
    if status == 429 {
        answer.headers.insert("Retry-After".to_owned(), header("Seconds.", Type::Integer).into());
    }
    answer
}

fn path_parameter(name: &str) -> Parameter {
    let (text, schema, example) = match name {
        "room" => ("A room's name, or `@name` for the direct conversation with a user.", RoomRef::schema(), "lobby"),
        "name" => ("A user's name.", UserName::schema(), "bob"),
        "seq" => ("A message's number in its room.", position(), "1"),
        "emoji" => ("One emoji, percent-encoded.", Emoji::schema(), "👍"),
        _ => ("As the list gave it.", String::schema(), "0"),
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(text))
        .example(Some(if name == "seq" { 1.into() } else { example.into() }))
        .schema(Some(schema))
        .build()
}

/// A message's number; no larger one is taken from a path or a query.
fn position() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(super::extract::LAST)).into()
}
