//! The document of the interface, generated from the route list. What all routes share (errors, the bearer token, the
//! path's parameters) is added here once instead of at each route.

use chat_common::event::history::Has;
use chat_common::rest::ErrorReply;
use chat_common::{ClientId, Cursor, Emoji, Epoch, RoomName, RoomRef, Seq, Timestamp, UserName};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Required, ResponseBuilder};
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
    if parameters.is_empty() {
        operation.parameters = None;
    }
    if path.starts_with("/api/") {
        let failure = ResponseBuilder::new()
            .description("What went wrong; clients branch on the code")
            .content("application/json", Content::new(Some(RefOr::Ref(Ref::from_schema_name(ErrorReply::name())))))
            .build();
        operation.responses.responses.insert("default".to_owned(), RefOr::T(failure));
        if operation.security.is_none() {
            operation.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
        }
    }
}

fn path_parameter(name: &str) -> Parameter {
    let (text, schema) = match name {
        "room" => ("A room's name, or `@name` for the direct conversation with a user.", String::schema()),
        "name" => ("A user's name.", String::schema()),
        "seq" => ("A message's number in its room.", ObjectBuilder::new().schema_type(Type::Integer).into()),
        "emoji" => ("One emoji, percent-encoded.", String::schema()),
        _ => ("As the list gave it.", String::schema()),
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(text))
        .schema(Some(schema))
        .build()
}
