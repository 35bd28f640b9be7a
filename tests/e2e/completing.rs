//! Tab and its friends: what the kernel knows, while somebody types.

use crate::common::{World, until};
use crate::editing::prompt;

#[test]
fn possibilities_are_listed_with_their_kind() {
    let world = World::new();
    world.session("work", "apple_one = 1\ndef apple_two(much, *, ripe=True): pass");
    let t = prompt(&world);
    t.type_text("print(apple");
    t.keys(&["Tab"]);
    t.shows(&["apple_one  instance", "apple_two  function  (much, *, ripe=True)", ">>> print(apple_"]);
    t.type_text("o");
    t.keys(&["Tab"]);
    t.shows(&[">>> print(apple_one"]);
    t.type_text(")");
    t.keys(&["Enter"]);
    t.shows(&["1", ">>>"]);
    // In the second line of an entry as in the first.
    t.type_line("if True:");
    t.type_text("print(apple_o");
    t.keys(&["Tab"]);
    t.shows(&["...     print(apple_one"]);
    t.keys(&["BSpace", "BSpace", "BSpace", "Tab"]);
    let listed = ["apple_one  instance", "apple_two  function  (much, *, ripe=True)"];
    t.shows(&["1", listed[0], listed[1], ">>> if True:", "...     print(apple_"]);
}

#[test]
fn a_suggestion_is_not_left_above_a_list() {
    let world = World::new();
    world.session("work", "apple_one = 1; apple_two = 2");
    let t = prompt(&world);
    t.type_line("apple_one + apple_two");
    t.shows(&["3", ">>>"]);
    t.type_text("apple_");
    t.shows(&[">>> apple_one + apple_two"]);
    t.keys(&["Tab"]);
    t.wait_for("apple_one  instance  apple_two  instance");
    t.keys(&["C-e", "C-u"]);
    t.type_text("a");
    t.shows(&[">>> apple_one + apple_two"]);
    t.type_text("l");
    t.keys(&["BSpace", "BSpace"]);
    t.type_line("5");
    t.shows(&["3", "apple_one  instance  apple_two  instance", ">>> 5", "5", ">>>"]);
}

#[test]
fn a_list_is_never_longer_than_the_screen() {
    let world = World::new();
    world.session("work", "for i in range(300): globals()[f'long_name_{i}'] = i");
    let t = prompt(&world);
    t.type_text("long_");
    t.keys(&["Tab"]);
    t.wait_for(" others; type on");
    t.shows(&[">>> long_name_"]);
    t.type_text("299");
    t.keys(&["Enter"]);
    t.shows(&["299", ">>>"]);
}

#[test]
fn typing_goes_on_while_the_kernel_thinks() {
    let world = World::new();
    let slow = "import os\nos.mkfifo('go')\nclass Slow:\n    def __dir__(self):\n        open('asked', 'w').write('x')\n        \
                open('go').read()\n        return ['slow_name']\ns = Slow()";
    world.session("work", slow);
    let t = prompt(&world);
    t.type_text("s.");
    t.keys(&["Tab"]);
    world.wait_for_file("asked");
    t.type_text("xy");
    t.shows(&[">>> s.xy"]);
    // The answer that comes late is there when Tab asks for the same again.
    t.keys(&["BSpace", "BSpace"]);
    t.shows(&[">>> s."]);
    std::fs::write(world.project().join("go"), "x").unwrap();
    t.keys(&["Tab"]);
    t.shows(&[">>> s.slow_name"]);
}

#[test]
fn a_kernel_that_is_busy_completes_nothing_and_holds_nothing_up() {
    let world = World::new();
    let t = prompt(&world);
    let busy = world.start(&["exec", "-s", "work", "-q", "-c", "import os; os.mkfifo('go'); print('busy'); open('go').read()"]);
    busy.wait_for_out("busy\n");
    t.shows(&["busy", ">>>"]);
    t.type_text("pri");
    t.keys(&["Tab"]);
    t.type_text("nt(5)");
    t.shows(&[">>> print(5)"]);
    std::fs::write(world.project().join("go"), "x").unwrap();
    busy.end().exits(0);
}

#[test]
fn shift_tab_tells_of_the_name_and_tab_indents_where_a_line_begins() {
    let world = World::new();
    world.session("work", "def greet(name, loud=False):\n    'Says hello.'");
    let t = prompt(&world);
    t.type_text("greet('x', ");
    t.keys(&["BTab"]);
    until("what is known", || t.screen().contains("Says hello.").then_some(()));
    t.shows(&[">>> greet('x',"]);
    t.keys(&["C-c"]);
    t.type_line("import os; os.system('clear')");
    t.type_text("greet");
    t.keys(&["C-Space"]);
    until("what is known, again", || t.screen().contains("Says hello.").then_some(()));
    t.shows(&[">>> greet"]);
    t.keys(&["C-c", "Tab"]);
    t.type_text("x");
    t.shows(&[">>>     x"]);
}

#[test]
fn arguments_keys_and_files_are_known() {
    let world = World::new();
    world.session("work", "def draw(width, colour=None): print(width, colour)\nsizes = {'large': 9}");
    world.file("sizes-of-all.csv", "a,b\n");
    let t = prompt(&world);
    // Another key would go on without the answer.
    t.type_text("draw(sizes['la");
    t.keys(&["Tab"]);
    t.shows(&[">>> draw(sizes['large"]);
    t.type_text("'], col");
    t.keys(&["Tab"]);
    t.shows(&[">>> draw(sizes['large'], colour="]);
    t.type_text("open('sizes-");
    t.keys(&["Tab"]);
    t.shows(&[">>> draw(sizes['large'], colour=open('sizes-of-all.csv"]);
    t.type_line("').read())");
    t.shows(&[">>> draw(sizes['large'], colour=open('sizes-of-all.csv').read())", "9 a,b", "", ">>>"]);
    // What nobody asks for is not in the way.
    t.type_text("sizes.");
    t.keys(&["Tab"]);
    t.wait_for("setdefault  function");
    assert!(!t.screen().contains("__"), "{}", t.screen());
}

#[test]
fn a_class_that_was_typed_shows_its_source() {
    let world = World::new();
    world.session("work", "class Point:\n    'A place.'\n    x = 1\n    y = 2");
    let t = prompt(&world);
    t.type_line("Point??");
    t.shows(&["class Point:", "    'A place.'", "    x = 1", "    y = 2", ">>>"]);
}

#[test]
fn what_is_known_is_read_in_a_narrow_window_too() {
    let world = World::new();
    world
        .session("work", "def greet(name, loudly=False, repeated=1):\n    'Says hello to whoever it is, as loudly as you want.'");
    let t = prompt(&world);
    t.resize(40, 30);
    t.type_line("greet?");
    t.shows(&["greet(name, loudly=False, repeated=1)", "", "Says hello to whoever it is, as loudly", "as you want.", ">>>"]);
}
