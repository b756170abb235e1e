"""`python -m replwire`: a session in this very interpreter."""

from _replwire_start import main

if __name__ == "__main__":
    main()
