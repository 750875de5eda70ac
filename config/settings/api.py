"""Settings of the HTTP API: Django REST Framework, its error contract and its OpenAPI schema."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.http.authentication.AccessTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["api.http.parsers.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    # By Accept only: a query parameter that we do not know changes nothing.
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_PAGINATION_CLASS": "api.http.pagination.Pagination",
    "DEFAULT_SCHEMA_CLASS": "api.http.schema.OperationSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": None,
}

DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "api.http.errors.DomainExceptionHandler",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "CODITECT Cloud API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # Of every answer that is signed (api/http/answer_signatures.py).
    "APPEND_COMPONENTS": {
        "headers": {
            "Content-Digest": {"schema": {"type": "string"}, "description": "sha-256 of the content (RFC 9530)."},
            "Signature-Input": {
                "schema": {"type": "string"},
                "description": 'What is signed, when and by which key (RFC 9421): `coditect=(…);created=…;keyid="…"`.',
            },
            "Signature": {
                "schema": {"type": "string"},
                "description": "By Ed25519, with a key of /.well-known/jwks.json: `coditect=:…:`.",
            },
        }
    },
    # Users and licences have the same three statuses, so the document has one enumeration for both.
    "ENUM_NAME_OVERRIDES": {"StatusEnum": "licenses.models.LicenseStatus"},
    "DESCRIPTION": (
        "Sells, issues and enforces CODITECT licences. Every error has the shape "
        '`{"type", "errors": [{"code", "detail", "attr"}]}`; `code` is stable.'
    ),
}
