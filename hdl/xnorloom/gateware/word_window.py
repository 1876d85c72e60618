class WordWindow: pass
