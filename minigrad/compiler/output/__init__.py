"""What a program looks like from outside: a listing, an exported file, a picture, a profile."""
