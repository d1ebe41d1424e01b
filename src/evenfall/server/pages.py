"""The pages people open, and the pages of the API's description, all from files in this package."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

__all__ = ["UI", "add_pages"]

UI: Final = Path(__file__).parent / "ui"
"""Where `make ui` puts what it builds."""

_STATIC: Final = Path(__file__).parent / "static"
_DOCS_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{head}</head>
<body>
{body}
</body>
</html>
"""


class _Files(StaticFiles):
    """Files of a folder, which need not be there yet."""

    async def check_config(self) -> None:
        """Let a folder that is not built answer 404 as any other missing file."""


class _Built(_Files):
    """Files whose names carry their hash: they never change, so browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def add_pages(app: FastAPI, ui: Path = UI) -> None:
    """Add ``/``, its assets, ``/docs`` and ``/redoc``; what is not built is told with what builds it."""

    @app.get("/", include_in_schema=False)
    def index() -> Response:
        page = ui / "index.html"
        if not page.is_file():
            return _not_built("The pages are not built")
        return FileResponse(page, headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        if not (ui / "docs" / "swagger-ui-bundle.js").is_file():
            return _not_built("The description's viewer is not built")
        return _docs_page(
            '<link rel="stylesheet" href="/docs/ui/swagger-ui.css">\n',
            '<div id="swagger-ui"></div>\n<script src="/docs/ui/swagger-ui-bundle.js"></script>\n'
            '<script src="/docs/start/swagger.js"></script>',
        )

    @app.get("/redoc", include_in_schema=False)
    def redoc() -> Response:
        if not (ui / "docs" / "redoc.standalone.js").is_file():
            return _not_built("The description's viewer is not built")
        return _docs_page(
            "",
            '<div id="redoc"></div>\n<script src="/docs/ui/redoc.standalone.js"></script>\n'
            '<script src="/docs/start/redoc.js"></script>',
        )

    app.mount("/docs/ui", _Files(directory=ui / "docs", check_dir=False))
    app.mount("/docs/start", _Files(directory=_STATIC))
    app.mount("/assets", _Built(directory=ui / "assets", check_dir=False))
    _add_files(app, ui, "favicon.svg", "favicon.ico")


def _add_files(app: FastAPI, ui: Path, *names: str) -> None:
    for name in names:
        path = ui / name

        def file(path: Path = path) -> Response:
            return FileResponse(path) if path.is_file() else Response(status_code=404)

        app.add_api_route(f"/{name}", file, include_in_schema=False)


def _docs_page(head: str, body: str) -> Response:
    page = _PAGE.format(title="Evenfall API", head=head, body=body)
    return HTMLResponse(page, headers={"Content-Security-Policy": _DOCS_POLICY})


def _not_built(what: str) -> Response:
    body = (
        f"<h1>{html.escape(what)}</h1>\n"
        "<p>Run <code>make ui</code> in the repository, then load this page again.</p>\n"
        '<p>The API is there: <a href="/openapi.json">/openapi.json</a> describes it.</p>'
    )
    return HTMLResponse(_PAGE.format(title="Evenfall", head="", body=body), 503)
