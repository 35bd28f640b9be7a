# Questions about code: who answers, and what a name means. No question runs code of the user's but its properties and `dir`.

def answer_query(frame):
    number, kind, cursor, detail = unpack_from('<QBIB', frame, 1)
    code = frame[15:]
    ok, body = user((complete, inspect_name, is_complete)[kind - 1], code, min(cursor, len(code)), detail)
    if not ok:
        body = b'\0' + field(type(body).__name__)
    send(9, pack('<Q', number) + body)


def field(text):
    data = text.encode('utf-8', 'rialto')
    return pack('<I', len(data)) + data


def static(value, name):
    """An attribute without running anybody's code: what stands in the dictionaries."""
    for place in (value,) + (value.__mro__ if isinstance(value, type) else type(value).__mro__):
        try:
            return object.__getattribute__(place, '__dict__')[name]
        except Exception:
            pass
    return None


def kind_of(value):
    cls = type(value)
    if isinstance(value, type):
        return 'class'
    if cls is type(sys):
        return 'module'
    if cls is property:
        return 'property'
    if cls.__name__ in ('function', 'builtin_function_or_method', 'method', 'method_descriptor', 'wrapper_descriptor',
                        'slot wrapper', 'classmethod', 'staticmethod', 'classmethod_descriptor', 'method-wrapper'):
        return 'function'
    return 'instance'


def resolve(path):
    """(found, value) of a dotted name."""
    names = path.split('.')
    if names[0] in ns:
        value = ns[names[0]]
    elif names[0] in builtins.__dict__:
        value = builtins.__dict__[names[0]]
    else:
        return False, None
    for name in names[1:]:
        try:
            value = getattr(value, name)
        except Exception:
            return False, None
    return True, value


def names_of(value):
    try:
        names = [name for name in dir(value) if isinstance(name, str)]
    except Exception:
        names = list(getattr(type(value), '__dict__', ()))
    return names
