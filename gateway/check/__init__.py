"""Stage 2: is it what it claims?"""
