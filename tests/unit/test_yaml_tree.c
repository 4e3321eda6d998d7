/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "connector/yaml_tree.h"
#include <cmocka.h>

#include <rill/error.h>

#include "support/failing_memory.h"

static rill_yaml_tree tree;
static rill_yaml_problem problem;

static int read_text(const char *text)
{
    return rill_yaml_read(&tree, rill_allocator_default(), text, strlen(text), &problem);
}

/* The node as text: flow style, with the place of each scalar. */
static void write_node(const rill_yaml_node *node, char *out, size_t cap)
{
    size_t len = strlen(out);
    node = rill_yaml_value(&tree, node);
    if (node->kind == RILL_YAML_SCALAR) {
        (void)snprintf(out + len, cap - len, "%s%s@%u:%u", node->plain ? "" : "!",
                       rill_yaml_text(&tree, node), node->line, node->column);
        return;
    }
    (void)snprintf(out + len, cap - len, "%s%u", node->kind == RILL_YAML_MAPPING ? "{" : "[",
                   node->count);
    for (const rill_yaml_node *at = rill_yaml_first(&tree, node); at != NULL;
         at = rill_yaml_next(&tree, at)) {
        len = strlen(out);
        (void)snprintf(out + len, cap - len, " ");
        write_node(at, out, cap);
    }
    len = strlen(out);
    (void)snprintf(out + len, cap - len, "%s", node->kind == RILL_YAML_MAPPING ? "}" : "]");
}

static void is(const char *text, const char *want)
{
    char got[1000] = "";
    assert_int_equal(read_text(text), RILL_OK);
    if (rill_yaml_root(&tree) != NULL)
        write_node(rill_yaml_root(&tree), got, sizeof got);
    assert_string_equal(got, want);
    rill_yaml_clear(&tree);
}

static void fails(const char *text, const char *want)
{
    char got[200];
    assert_int_equal(read_text(text), RILL_ERR_MALFORMED);
    (void)snprintf(got, sizeof got, "%u:%u %s", problem.line, problem.column, problem.what);
    assert_string_equal(got, want);
    rill_yaml_clear(&tree);
}

static void test_shapes(void **state)
{
    (void)state;
    is("", "");
    is("# nothing\n", "");
    is("a", "a@1:1");
    is("'a'", "!a@1:1");
    is("{}", "{0}");
    is("[]", "[0]");
    is("a: b\nc: [d, {e: f}, []]\n", "{4 a@1:1 b@1:4 c@2:1 [3 d@2:5 {2 e@2:9 f@2:12} [0]]}");
    is("- \"x\\ty\"\n- |\n  z\n", "[2 !x\ty@1:3 !z\n@2:3]");
    is("a: {b: {c: {d: e}}}", "{2 a@1:1 {2 b@1:5 {2 c@1:9 {2 d@1:13 e@1:16}}}}");
    /* The first document alone. */
    is("---\na\n---\nb: [\n", "a@2:1");
}

static void test_aliases(void **state)
{
    (void)state;
    is("- &x {a: b}\n- *x\n- *x\n", "[3 {2 a@1:7 b@1:10} {2 a@1:7 b@1:10} {2 a@1:7 b@1:10}]");
    is("&k a: *k", "{2 a@1:1 a@1:1}");
    is("a: &x b\n*x : c\n", "{4 a@1:1 b@1:4 b@1:4 c@2:6}");
    fails("a: *x", "1:4 found undefined alias");
    fails("- &x a\n- &x b\n", "2:3 second occurrence");
    /* What is in itself has no end: whoever looks must have one. */
    assert_int_equal(read_text("&a [*a]"), RILL_OK);
    const rill_yaml_node *root = rill_yaml_root(&tree);
    assert_ptr_equal(rill_yaml_value(&tree, rill_yaml_first(&tree, root)), root);
    rill_yaml_clear(&tree);
}

static void test_what_is_no_yaml(void **state)
{
    (void)state;
    fails("a: [b", "2:1 did not find expected ',' or ']'");
    fails("a: b: c\n", "1:5 mapping values are not allowed in this context");
    assert_int_equal(read_text("a: \xff"), RILL_ERR_MALFORMED);
    rill_yaml_clear(&tree);
    assert_int_equal(read_text("\t- a"), RILL_ERR_MALFORMED);
    rill_yaml_clear(&tree);
}

static void test_many(void **state)
{
    enum { COUNT = 20000, CAP = COUNT * 12 };
    static char text[CAP];
    size_t len = 0, count = 0;
    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "a%u: b%u\n", i % 1000, i % 1000);
    assert_int_equal(rill_yaml_read(&tree, rill_allocator_default(), text, len, &problem), RILL_OK);
    const rill_yaml_node *root = rill_yaml_root(&tree);
    assert_int_equal(root->count, 2 * COUNT);
    for (const rill_yaml_node *at = rill_yaml_first(&tree, root); at != NULL;
         at = rill_yaml_next(&tree, at), count++) {
        char want[8];
        (void)snprintf(want, sizeof want, "%c%u", count % 2 == 0 ? 'a' : 'b',
                       (unsigned)(count / 2 % 1000));
        assert_string_equal(rill_yaml_text(&tree, at), want);
        assert_int_equal(at->line, count / 2 + 1);
    }
    assert_int_equal(count, 2 * COUNT);
    rill_yaml_clear(&tree);
}

static void test_without_memory(void **state)
{
    static const char text[] = "a: &x [b, {c: d}]\ne: *x\n";
    failing_memory memory;
    unsigned long refused = 0;
    int rc = RILL_ERR_NOMEM;
    (void)state;
    for (unsigned long at = 1; rc != RILL_OK; at++) {
        failing_memory_init(&memory, at, 1);
        rc = rill_yaml_read(&tree, &memory.allocator, text, sizeof text - 1, &problem);
        assert_true(rc == RILL_OK || rc == RILL_ERR_NOMEM);
        rill_yaml_clear(&tree);
        assert_int_equal(memory.blocks, 0);
        refused += memory.refused;
        failing_memory_end(&memory);
    }
    assert_int_equal(refused, 4); /* nodes, text, what is open, names */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),          cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_what_is_no_yaml), cmocka_unit_test(test_many),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
