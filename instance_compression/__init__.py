__version__ = "0.1.0"

def __getattr__(name):
    "`encode_video` and `decode_video`. They load torch, so they are imported when they are asked for."
    if name == "encode_video": from .encode import encode_video as found
    elif name == "decode_video": from .decode import decode_video as found
    else: raise AttributeError(f"module {__name__} has no attribute {name}")
    return found
