"""The backend of matplotlib that shows figures to the client, loaded when pyplot first needs one."""

import sys
from _thread import get_ident

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

display = wire.show()["display"]


class FigureManager(FigureManagerBase):
    shows_at_end = True
    waited = False  # an execution ended while the thread that drew it was still there

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.owner = get_ident()

    def show(self):
        exhibit([self])


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager  # from matplotlib 3.6 on


def exhibit(managers):
    """What is interrupted while it is drawn is closed all the same."""
    try:
        for manager in managers:
            display(manager.canvas.figure)
    finally:
        for manager in managers:
            Gcf.destroy(manager.num)


def show(*args, **options):
    """Shows the open figures and closes them; there is nothing to wait for."""
    exhibit(Gcf.get_all_fig_managers())


def is_due(manager, of_thread):
    """Whether it is drawn: by this thread, by one that has ended, or long ago."""
    if type(manager) is not FigureManager:
        return False
    own = manager.owner == get_ident()
    if own or of_thread:
        return own
    due = manager.waited or manager.owner not in sys._current_frames()
    manager.waited = True
    return due


def at_end(of_thread=False):
    """At the end of an execution or of a thread, and when the client is asked."""
    if Gcf.figs:
        exhibit([each for each in Gcf.get_all_fig_managers() if is_due(each, of_thread)])


wire.at_end(at_end)
