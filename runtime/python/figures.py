"""The backend of matplotlib that shows figures to the client, loaded when pyplot first needs one."""

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

display = wire.display.show()["display"]


class FigureManager(FigureManagerBase):
    shows_at_end = True

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


def at_end():
    if Gcf.figs:
        exhibit([each for each in Gcf.get_all_fig_managers() if type(each) is FigureManager])


wire.display.at_end(at_end)
