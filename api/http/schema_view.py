"""The OpenAPI document over HTTP: made once a process, since making it takes a second of CPU and anybody may ask."""

from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request


class SchemaView(SpectacularAPIView):
    """Serves the document as YAML or JSON, by `Accept`."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return it; it is the same for everybody."""
        renderer = request.accepted_renderer
        return HttpResponse(_rendered(renderer.format), content_type=renderer.media_type)


@cache
def _rendered(name: str) -> bytes:
    document = SchemaGenerator().get_schema(request=None, public=True)
    renderer = OpenApiJsonRenderer() if name == "json" else OpenApiYamlRenderer()
    return bytes(renderer.render(document, renderer_context={}))
