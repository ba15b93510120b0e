"""The page with its three tabs, and the server that shows it to this machine alone."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.playground.aligners import Aligners
from langchain_metaaligner.playground.chat_tab import chat_tab
from langchain_metaaligner.playground.compare_tab import compare_tab
from langchain_metaaligner.playground.edit_tab import edit_tab
from langchain_metaaligner.playground.options import PlaygroundOptions

HOST = "127.0.0.1"
STATIC = Path(__file__).with_name("static")

_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'self'"
)
"""What the page may load: nothing from anywhere else, whatever a model's answer or Gradio asks."""

_SECONDS = 3_600  # how long an uploaded file is kept


def build_page(options: PlaygroundOptions) -> gr.Blocks:
    """The page, not yet shown.

    Raises:
        CheckpointError: if the aligner that it begins with cannot be found.
        SettingError: if its options cannot be used.
    """
    aligners = Aligners(options.template, options.device, options.gate)
    aligners.named(options.model)
    with gr.Blocks(
        title="MetaAligner playground",
        analytics_enabled=False,
        delete_cache=(_SECONDS, _SECONDS),
    ) as page:
        gr.HTML(
            "<h1>MetaAligner playground</h1><p>An aligner edits a draft answer so that it is "
            "better at the objectives that you name. Everything stays on this machine, but for "
            "what you send to a chat model.</p>",
            elem_classes="ma-head",
            padding=False,
        )
        with gr.Tabs():
            with gr.Tab("Edit", id="edit"):
                edit_tab(options, aligners)
            with gr.Tab("Chat", id="chat"):
                chat_tab(options, aligners)
            with gr.Tab("Compare", id="compare"):
                compare_tab(options, aligners)
    return page


@contextmanager
def serving(page: gr.Blocks, port: int | None = None, *, browser: bool = False) -> Iterator[str]:
    """Show the page to this machine as long as the block lasts.

    Args:
        page: what `build_page` gives.
        port: where; None takes the first that is free from 7860 on.
        browser: whether to open it in a browser.

    Yields:
        The address of the page.

    Raises:
        SettingError: if the port is taken.
    """
    try:
        _, address, _ = page.launch(
            server_name=HOST,
            server_port=port,
            inbrowser=browser,
            prevent_thread_lock=True,
            share=False,
            quiet=True,
            show_error=False,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            allowed_paths=[],
            root_path="",
            max_file_size="100mb",
            app_kwargs={
                "middleware": [
                    Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]),
                    Middleware(_OnlyThisMachine),
                ],
                "docs_url": None,
                "redoc_url": None,
                "openapi_url": None,
            },
            theme=_theme(),
            css_paths=[STATIC / "page.css"],
            head=f"<script>{(STATIC / 'page.js').read_text(encoding='utf-8')}</script>",
        )
    except OSError as error:
        raise SettingError(
            f"The playground cannot be shown at port {port or 'from 7860 on'}: {error} "
            "Give another with --port, or end what uses it."
        ) from error
    try:
        yield address
    finally:
        page.close(verbose=False)


class _OnlyThisMachine:
    """Tells browsers to load nothing for the page but from its own server.

    Args:
        app: what answers.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer a request with the policy among its headers."""

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                policy = [
                    (b"content-security-policy", _POLICY.encode()),
                    (b"referrer-policy", b"no-referrer"),
                    (b"x-content-type-options", b"nosniff"),
                ]
                message = {**message, "headers": [*message.get("headers", []), *policy]}
            await send(message)

        await self._app(scope, receive, sent)


def _theme() -> gr.Theme:
    """Fonts of the system, as others would be loaded from a server; colours that can be read."""
    theme = gr.themes.Default(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return theme.set(
        color_accent="*primary_700",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        checkbox_border_color="*neutral_400",
        checkbox_border_color_dark="*neutral_400",
        checkbox_background_color_selected="*primary_700",
        checkbox_background_color_selected_dark="*primary_600",
    )
