"""Puts Lychgate on AWS and takes it down again. Nothing of this ships."""
