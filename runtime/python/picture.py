"""A figure of matplotlib as a picture, of the size that the figure has."""

import io


def draw(figure, kind):
    """(bytes, metadata)"""
    file = io.BytesIO()
    form = "svg" if kind == "image/svg+xml" else "png"
    figure.canvas.print_figure(file, format=form, dpi=figure.dpi)
    width, height = figure.get_size_inches() * figure.dpi
    return file.getvalue(), {"width": round(width), "height": round(height)}
