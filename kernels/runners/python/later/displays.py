# The rich forms of a value, and how they are sent.

REPRS = (
    ('_repr_html_', 'text/html'),
    ('_repr_markdown_', 'text/markdown'),
    ('_repr_svg_', 'image/svg+xml'),
    ('_repr_png_', 'image/png'),
    ('_repr_jpeg_', 'image/jpeg'),
    ('_repr_latex_', 'text/latex'),
    ('_repr_json_', 'application/json'),
)


def form(mime, data):
    """The bytes of one form."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, str):
        if mime.startswith('image/') and mime != 'image/svg+xml':
            # Notebooks want pictures as base64, so objects made for them give that.
            import binascii
            return binascii.a2b_base64(data)
        return data.encode('utf-8', 'rialto')
    import json
    return json.dumps(data, default=repr).encode('utf-8', 'rialto')


def has(value, name):
    """Whether the value's class has the method: asking the value itself would ask objects that answer to every name."""
    try:
        return not isinstance(value, type) and callable(getattr(type(value), name, None))
    except Exception:
        return False


def forms_of(value):
    """A value in all its forms, by MIME type. What a rich form's method raises only costs that form."""
    out = {}
    if has(value, '_repr_mimebundle_'):
        try:
            bundle = value._repr_mimebundle_(include=None, exclude=None)
            bundle = bundle[0] if isinstance(bundle, tuple) else bundle
            for mime, data in dict(bundle or ()).items():
                if data is not None:
                    out[str(mime)] = form(str(mime), data)
        except Exception:
            out = {}
    for name, mime in REPRS:
        if mime not in out and has(value, name):
            try:
                data = getattr(value, name)()
                data = data[0] if isinstance(data, tuple) else data
                if data is not None:
                    out[mime] = form(mime, data)
            except Exception:
                pass
    if 'text/plain' not in out:
        out['text/plain'] = repr(value).encode('utf-8', 'rialto')
    return out


def display_one(value, raw):
    forms = {str(mime): form(str(mime), data) for mime, data in value.items()} if raw else forms_of(value)
    if S.child:
        child_write(1, forms.get('text/plain', b'') + b'\n')
    else:
        send_display(forms, False)


def send_display(forms, result):
    sizes = {mime: len(data) for mime, data in forms.items()}
    total = sum(sizes.values())
    if total > MAX_DISPLAY or len(forms) > 1000 or any(len(mime) > 1000 for mime in forms):
        largest = max(sizes, key=sizes.get)[:100]
        text = '<a value of %d bytes (%s) is not shown: the limit is %d bytes>' % (total, largest, MAX_DISPLAY)
        forms = {'text/plain': text.encode()}
        total = 0
    head = pack('<QB', S.n, result)
    if total + 64 * len(forms) <= CHUNK:
        return send(3, head + pack_forms(forms))
    body = [head, pack('<H', len(forms))]
    for mime, data in forms.items():
        mime = mime.encode('utf-8', 'rialto')
        body.append(pack('<I', len(mime)) + mime + pack('<Q', len(data)))
    send(4, b''.join(body), pieces_of(forms))


def pieces_of(forms):
    for data in forms.values():
        for at in range(0, len(data), CHUNK):
            piece = data[at:at + CHUNK]
            yield pack('<IB', len(piece) + 1, 5) + piece


def show_figures():
    """Shows and closes the figures that are open, unless they have a window of their own."""
    pyplot = modules['matplotlib.pyplot']
    numbers = pyplot.get_fignums()
    if not numbers or 'agg' != str(pyplot.get_backend()).lower():
        return
    for number in numbers:
        picture = _io.BytesIO()
        pyplot.figure(number).savefig(picture, format='png', bbox_inches='tight')
        pyplot.close(number)
        send_display({'image/png': picture.getvalue(), 'text/plain': b'<Figure %d>' % number}, False)
