"""Decides: what becomes of each instant, what runs next, what to record and whom to tell."""
