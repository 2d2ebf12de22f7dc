#!/usr/bin/env python3
"""Renders conversations through the chat templates of the supported families with transformers' own renderer, for the
tests of the trainer's. Writes trainer-image/src/test/resources/goldens/chat/{templates,constructs,masks}.json.

    python bench/goldens/make_chat.py

The templates are written for this test: short texts that make what the families' own templates make. constructs.json
holds one small template for each thing that Jinja can say, with what it prints.
"""
import json
from datetime import datetime
from pathlib import Path

import transformers
from transformers import AutoTokenizer
from transformers.utils import chat_template_utils

ROOT = Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "trainer-image/src/test/resources/goldens"
TARGET = GOLDENS / "chat"


class Day(datetime):
    """The day that templates are given."""

    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


chat_template_utils.datetime = Day

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tells the weather; \"now\" <or> later & \u00e9.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "stop", "description": "Stops.", "parameters": {}}},
]

PLAIN = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi there."}]
TURNS = [
    {"role": "system", "content": "Be brief.\nAlways."},
    {"role": "user", "content": "  1 + 1?  "},
    {"role": "assistant", "content": " 2\n"},
    {"role": "user", "content": "\u00fcber \U0001f600 {{ x }} {% if %} '\" \\n"},
    {"role": "assistant", "content": "ok \U0001f44d\U0001f3fd"},
]
QUESTION = [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}]
PARTS = [
    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "c"}]},
]
CALLS = [
    {"role": "user", "content": "Weather in Rome?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"type": "function", "id": "abcdefghi", "function": {"name": "get_weather", "arguments": {"city": "Rome", "days": 2}}}
        ],
    },
    {"role": "tool", "name": "get_weather", "tool_call_id": "abcdefghi", "content": "{\"sky\": \"blue\"}"},
    {"role": "assistant", "content": "Blue."},
    {"role": "user", "content": "Thanks"},
]
THOUGHTS = [
    {"role": "user", "content": "Q1"},
    {"role": "assistant", "content": "<think>\nfirst\n</think>\n\nA1"},
    {"role": "user", "content": "Q2"},
    {"role": "assistant", "content": "<think>\nsecond\n</think>\n\nA2"},
]
CONVERSATIONS = {
    "plain": PLAIN,
    "turns": TURNS,
    "question": QUESTION,
    "parts": PARTS,
    "calls": CALLS,
    "thoughts": THOUGHTS,
    "empty": [],
    "userTwice": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
}

CHATML = """{% for message in messages %}
{% if loop.first and message['role'] != 'system' %}
{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n' }}
{%- endif %}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

CHATML_GENERATION = """{%- for m in messages -%}
    {%- if m.role == 'assistant' -%}
        {{- '<|im_start|>assistant\\n' -}}
        {%- generation -%}{{- m.content + '<|im_end|>' -}}{%- endgeneration -%}
        {{- '\\n' -}}
    {%- else -%}
        {{- '<|im_start|>' ~ m.role ~ '\\n' ~ m.content ~ '<|im_end|>\\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""

QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

QWEN3 = """{%- set ns = namespace(multi_step=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step and message.role == "user" and message.content is string and not (message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- if messages and messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if message.role == "user" or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set thoughts = '' %}
        {%- if message.reasoning_content is string %}
            {%- set thoughts = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thoughts = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or (not loop.last and thoughts)) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + thoughts.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- for call in message.tool_calls or [] %}
            {%- set call = call.function if call.function else call %}
            {{- '\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {%- if call.arguments is string %}{{ call.arguments }}{% else %}{{ call.arguments | tojson }}{% endif %}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""

LLAMA3 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{#- The system message comes first. #}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or (message.content is iterable and message.content is not string) %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

MISTRAL = """{%- if messages and messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, conversation roles must alternate user/assistant/user/assistant/...") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- else %}
                    {{- "]" }}
                {%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}
                {{- ", " }}
            {%- else %}
                {{- "]" + eos_token }}
            {%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {%- if message.content is defined and message.content.content is defined %}
            {%- set content = message.content.content %}
        {%- else %}
            {%- set content = message.content %}
        {%- endif %}
        {{- '[TOOL_RESULTS] {"content": ' + content|string + ", " }}
        {{- '"call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported!") }}
    {%- endif %}
{%- endfor %}
"""

GEMMA = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\\n'}}
{%- endif -%}
"""

PHI3 = """{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"""

SMOLLM3 = """{%- macro part(content) -%}
{%- if content is string -%}{{ content }}{%- else -%}
{%- for p in content if p.type == 'text' -%}{{ p.text }}{%- if not loop.last %}{{ '\\n' }}{% endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- set ns = namespace(system='') -%}
{%- for m in messages -%}
{%- if m.role == 'system' -%}{%- set ns.system = part(m.content) -%}{%- continue -%}{%- endif -%}
{%- if loop.previtem is defined and loop.previtem.role == m.role -%}{{ raise_exception('two turns of ' ~ m.role) }}{%- endif -%}
{%- if m.role == 'user' -%}<|im_start|>user
{{ part(m.content).strip() }}<|im_end|>
{% elif m.role == 'assistant' -%}<|im_start|>assistant
{% generation %}{{ part(m.content).strip() ~ '<|im_end|>' }}{% endgeneration %}

{% endif -%}
{%- endfor -%}
{%- if ns.system -%}<|note|>{{ ns.system | upper | replace('B', 'b') }}{%- endif -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}
"""

TEMPLATES = {
    "chatml": CHATML,
    "chatmlGeneration": CHATML_GENERATION,
    "qwen2.5": QWEN,
    "qwen3": QWEN3,
    "llama3": LLAMA3,
    "mistral": MISTRAL,
    "gemma": GEMMA,
    "phi3": PHI3,
    "macros": SMOLLM3,
}
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}

CONSTRUCTS = [
    "{% set x = 0 %}{% for i in [1,2,3] %}{{ x }}{% set x = i %}{% endfor %}|{{ x }}",
    "{% for i in [1,2,3] %}{{ x }}{% set x = i %}{% endfor %}|{{ x }}",
    "{% set x=9 %}{% for i in [1,2,3] %}{% if i==2 %}{% set x = i %}{% endif %}{{ x }}{% endfor %}|{{ x }}",
    "{% set x=9 %}{% if true %}{% set x = 5 %}{% endif %}{{ x }}",
    "{% macro m(a,b=2) %}[{{a}}{{b}}{{z}}]{% endmacro %}{% set z=1 %}{{ m(1) }}{% for z in [7] %}{{ m(b=3, a=0) }}{% endfor %}",
    "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(4) }}",
    "{% set x %}a{% set y=1 %}b{% endset %}{{ x }}{{ y }}{{ x is string }}{{ x + '<' }}",
    "{% set x | upper | replace('B', 'c') %}ab{% endset %}{{ x }}",
    "{{ [1,'a',none,{'b':1.0}] }} {{ {'a':'it\\'s'} }} {{ {'a':'\"\\'\\n'} }} {{ (1,) }} {{ (1, 2) }} {{ () }} {{ [] }} {{ {} }}",
    "{{ 1e20 }} {{ 1.5e-7 }} {{ 0.1 + 0.2 }} {{ 1e15 }} {{ 123456.789e10 }} {{ 1e16 }} {{ 0.0001 }} {{ -0.5 }} {{ 100.0 }}",
    "{{ true }} {{ none }} {{ false and x }} {{ 0 or 'b' or 'c' }} {{ '' and 'x' }}| {{ 1 and 2 and 3 }} {{ not 1 or 2 }}",
    "{{ 'a' ~ 1 ~ none ~ true }} {{ 'ab'[-1] }} {{ 'abc'[::-1] }} {{ 7//2 }} {{ -7//2 }} {{ -7%3 }} {{ 7/2 }} {{ 'a'*3 }} {{ 2 + 3 * 4 - 1 }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c, d = (3, 4) %}{{ c }}{{ d }}",
    "{{ x == y }} {{ 'a' in x }} {{ x|length }} {{ x is defined }} {{ (x if false) is defined }} {{ x }}|{% for i in x %}a{% else %}none{% endfor %}",
    "{% for a in {'k':1,'l':2} %}{{ a }}{% endfor %}{% for k, v in {'k':1,'l':[2]}.items() %}{{ k }}={{ v }};{{ loop.last }}{% endfor %}",
    "{{ 'a' < 'b' }}{{ 1 == 1.0 }}{{ true == 1 }}{{ '1' == 1 }}{{ none == false }}{{ [1] == [1.0] }}{{ 'a' != 'a' }}{{ {'a':[1]} == {'a':[1]} }}",
    "  {% if true %}\n  a\n  {% endif %}\nb\n\n",
    "a  {%- if true -%}  b  {%- endif -%}  c {{- 1 -}} d {{ 2 }} \n e",
    "a\n  {%+ if true %}b{% endif +%}\nc\n    {# note #}\nd\n {#- x -#} e",
    "x {% raw %}{{ y }} {% if %} }} {% endraw %}\nz{%- raw -%}  a  {%- endraw -%}  b",
    "{{ 'x'.join(['a','b']) }} {{ [1,2]|join('-') }} {{ '%s and %s%%' % ('a', 1) }} {{ [{'a':1},{'a':2}]|join(',', attribute='a') }}",
    "{% for i in [1,2,3] %}{% if i==2 %}a{% break %}b{% endif %}{{i}}{% endfor %}|{% for i in [1,2,3] %}{% if i==2 %}a{% continue %}b{% endif %}{{i}}{% endfor %}",
    "{{ 'ab\\n c\\n\\nd'|indent(2) }}|{{ 'ab\\nc'|indent(2, true) }}|{{ 'a\\n\\nb'|indent(width=1, blank=true) }}",
    "{{ 'abc'|first }} {{ [3,1]|last }} {{ 'hELLO w'|capitalize }} {{ 'hello wOrld 2nd'.title() }} {{ ' x '|trim }}| {{ 'xxaxx'|trim('x') }} {{ 'aXb'|lower|upper }}",
    "{{ [{'r':'u'},{'r':'x'}]|selectattr('r','equalto','u')|list|length }} {{ [{'r':'u'},{}]|map(attribute='r', default='?')|join(',') }} {{ ['a','b']|map('upper')|list }} {{ [1,2,3]|select('odd')|list }} {{ [1,2,3]|reject('in', [2])|list }} {{ [{'r':1},{'s':1}]|rejectattr('r')|list }}",
    "{{ 3|string + 'a' }}{{ '5'|int + 1 }}{{ 'x'|int }}{{ 5 is number }}{{ 'a'|default('b') }}{{ ''|default('b',true) }}{{ q|default('c') }}{{ 2.9|int }}{{ -3|abs }}",
    "{{ {'b':1,'A':{'x':[1,2.0,none,true]},'c':'\\u00e9\\n\\t\"<&\\\\\\x01\\x7f'}|tojson }} {{ {'b':1,'A':[]}|tojson(sort_keys=true, ensure_ascii=true) }} {{ ['\\u00e9\\U0001f600']|tojson(true) }} {{ [1,{'a':2}]|tojson(separators=(',',':')) }}",
    "{{ {'a':[1,{'b':[]}],'c':{}}|tojson(indent=2) }} {{ []|tojson(indent=2) }} {{ 'a'|tojson|safe }}",
    "{{ ' a b  c '.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b c'.split(none, 1) }} {{ 'a\\nb\\r\\nc'.splitlines() }}",
    "{{ '  x\\u00a0\\u2003'.strip() }}|{{ 'xyabcyx'.strip('xy') }} {{ 'xxa'.lstrip('x') }} {{ 'axx'.rstrip('x') }} {{ 'abc'.startswith(('x','a')) }} {{ 'abc'.endswith('bc') }}",
    "{{ 'h\\u00e9\\U0001f600llo'|length }} {{ '\\U0001f600ab'[1] }} {{ '\\U0001f600ab'[:2] }} {{ 'abab'.find('b') }} {{ '\\U0001f600b'.find('b') }} {{ 'abab'.rfind('b') }} {{ 'abab'.count('ab') }} {{ 'abab'.replace('a','x',1) }}",
    "{{ '12'.isdigit() }}{{ ''.isdigit() }}{{ 'aB'.isalpha() }}{{ 'AB1'.isupper() }}{{ ' \\n'.isspace() }}{{ 'ab'.islower() }}{{ 'prefix'.removeprefix('pre') }}{{ 'ab'.upper() }}",
    "{{ {'a':1}.get('a') }} {{ {'a':1}.get('b') }} {{ {'a':1}.get('b', 2) }} {{ {'a':1}.keys()|list }} {{ {'a':1}.values()|list }} {{ {'a':1}|items|list }} {{ {'b':1,'A':2}|dictsort }} {{ {'items':3}['items'] }}",
    "{{ [1,2,3,4][1:3] }} {{ [1,2,3,4][-2:] }} {{ [1,2,3][::2] }} {{ [1,2,3][5:] }} {{ [1,2,3][:-1] }} {{ 'abcdef'[4:1:-1] }} {{ [1,2][7] is defined }} {{ range(3)|list }} {{ range(4, 0, -2)|list }}",
    "{% for i in range(3) %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a','b') }} {% endfor %}",
    "{% for i in range(5) if i is odd %}{{ i }}{{ loop.length }}{% else %}x{% endfor %}{% for i in [] %}{% else %}none{% endfor %}{% for i in [1] %}{% for j in [1,2] %}{{ loop.last }}{% endfor %}{{ loop.last }}{% endfor %}",
    "{% set ns = namespace(a=1, b='x') %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}",
    "{{ 1 is integer }}{{ 1.0 is float }}{{ true is integer }}{{ true is number }}{{ [] is iterable }}{{ 'a' is sequence }}{{ {} is mapping }}{{ none is none }}{{ x is undefined }}{{ 4 is divisibleby 2 }}{{ 3 is eq 3 }}{{ 2 is in [2] }}{{ true is true }}{{ 1 is true }}{{ 1 is boolean }}{{ x is iterable }}",
    "{{ 'yes' if 1 is defined and not x else 'no' }}{{ 'a' if false else 'b' if false else 'c' }}{{ -1 | abs }}{{ 'a' + 'b' | upper }}{{ not 'a' in 'abc' }}{{ 'z' not in 'abc' }}{{ 1 if x is not defined }}",
    "{{ strftime_now('%d %b %Y %B %A %H:%M:%S %y %m %j %-d %p %I %%') }}{{ strftime_now is defined }}{{ dict(a=1)|tojson }}{{ tools is none }}{{ documents is none }}",
    "{{ 'a' 'b' }}{{ \"it's\" }}{{ 'tab\\tq\\q\\x41\\u0042' }}{{ 1_000 }}{{ {'a':{'b':[5]}}.a.b[0] }}{{ {'a': {'b': 1}}}}",
    "{%- for m in [{'role':'user','content':'x'}] %}\n    {%- if m.role == 'user' %}\n        {{- m.content }}\n    {%- endif %}\n{%- endfor %}\nend\n",
    "\n\n  {{ 1 }}\n  {% set x = 2 %}\n  {{ x }}  \r\n{% if x %}\r\ny{% endif %}\r\n",
    "{{ ['b','a']|reverse|list }}{{ 'abc'|reverse }}{{ [1]+[2] }}{{ ['x','y'].index('y') }}{{ 'a'|list }}{{ 'x' if 'k' in {'k':0} }}",
]

FAILING = [
    "{{ x.y }}",
    "{{ x + 'a' }}",
    "{{ 'a' + 1 }}",
    "{{ raise_exception('no: ' ~ 1) }}",
    "{% for i in none %}{% endfor %}",
    "{{ 1 < 'a' }}",
    "{{ x() }}",
    "{{ [1].append(2) }}",
    "{{ ''.__class__ }}{{ ''.__class__.mro() }}",
    "{{ none|length }}",
    "{% if %}{% endif %}",
    "{% for %}{% endfor %}",
    "{{ 'a }}",
    "{% if true %}",
    "{% endif %}",
    "{{ 1 + }}",
    "{% include 'a' %}",
    "{% unknown %}",
    "{{ 1|nosuch }}",
    "{{ 1 is nosuch }}",
]


def rendered(template, messages, tools, prompt):
    try:
        texts, spans = chat_template_utils.render_jinja_template(
            conversations=[messages], tools=tools, chat_template=template, return_assistant_tokens_mask=True,
            add_generation_prompt=prompt, **SPECIAL)
        return {"text": texts[0], "generated": [list(s) for s in spans[0]]}
    except Exception as e:  # what a template may raise is its own
        return {"fails": type(e).__name__}


def templates():
    cases = []
    for name, template in TEMPLATES.items():
        for conversation, messages in CONVERSATIONS.items():
            for tools in ([None, TOOLS] if conversation in ("calls", "question") else [None]):
                for prompt in (False, True):
                    cases.append({"template": name, "conversation": conversation, "tools": tools is not None,
                                  "prompt": prompt, **rendered(template, messages, tools, prompt)})
    return {"transformers": transformers.__version__, "special": SPECIAL, "tools": TOOLS,
            "templates": TEMPLATES, "conversations": CONVERSATIONS, "cases": cases}


def constructs():
    return {"prints": [{"template": t, **rendered(t, [], None, False)} for t in CONSTRUCTS],
            "fails": [t for t in FAILING if "fails" in rendered(t, [], None, False) or print("does not fail", t)]}


def masks():
    """Token masks of conversations by the small model's tokenizer, with the span's tokens marked by transformers."""
    tokenizer = AutoTokenizer.from_pretrained(GOLDENS / "models/tiny-llama")
    cases = []
    for name in ("chatmlGeneration", "macros"):
        for conversation in ("plain", "turns"):
            out = tokenizer.apply_chat_template(
                CONVERSATIONS[conversation], chat_template=TEMPLATES[name], tokenize=True, return_dict=True,
                return_assistant_tokens_mask=True)
            cases.append({"template": name, "conversation": conversation, "input_ids": list(out["input_ids"]),
                          "assistant_masks": list(out["assistant_masks"])})
    return {"cases": cases}


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, make in (("templates", templates), ("constructs", constructs), ("masks", masks)):
        (TARGET / f"{name}.json").write_text(json.dumps(make(), ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    main()
