# ruff: noqa: E501 - output stands as a device prints it
"""What devices of nine platforms print, made up after the makers' manuals; no such device exists."""

NXOS = {
    "show inventory": 'NAME: "Chassis",  DESCR: "Nexus9000 made up Chassis"\nPID: N9K-C99999-X        ,  VID: V01 ,  SN: FDO0000X1Y2\n',
    "show version": """\
Cisco Nexus Operating System (NX-OS) Software
TAC support: http://www.cisco.com/tac

Software
  BIOS: version 05.40
  NXOS: version 9.3(11)
  BIOS compile time:  01/01/2020
  NXOS image file is: bootflash:///nxos.9.3.11.bin

Hardware
  cisco Nexus9000 C99999-X Chassis
  Processor Board ID FDO0000X1Y2
  Device name: leaf1
  bootflash:   53298520 kB
Kernel uptime is 12 day(s), 3 hour(s), 4 minute(s), 5 second(s)
""",
    "show interface": """\
Ethernet1/1 is up
admin state is up, Dedicated Interface
  Hardware: 1000/10000 Ethernet, address: 0200.5e00.0201 (bia 0200.5e00.0201)
  Description: to spine
  MTU 1500 bytes, BW 10000000 Kbit, DLY 10 usec
Ethernet1/2 is down (Administratively down)
admin state is down, Dedicated Interface
  Hardware: 1000/10000 Ethernet, address: 0200.5e00.0202 (bia 0200.5e00.0202)
  MTU 1500 bytes, BW 10000000 Kbit, DLY 10 usec
""",
    "show lldp neighbors detail": """\
Capability codes:
  (R) Router, (B) Bridge, (T) Telephone, (C) DOCSIS Cable Device
  (W) WLAN Access Point, (P) Repeater, (S) Station, (O) Other
Device ID            Local Intf      Hold-time  Capability  Port ID

Chassis id: 0200.5e00.0900
Port id: Ethernet1/7
Local Port id: Eth1/1
Port Description: down to leaf1
System Name: spine1
System Description: made up
Time remaining: 99 seconds
System Capabilities: B, R
Enabled Capabilities: B, R
Management Address: 192.0.2.9
Vlan ID: 1


Total entries displayed: 1
""",
}
ASA = {
    "show version": """\

Cisco Adaptive Security Appliance Software Version 9.16(4)
Device Manager Version 7.16(1)

Compiled on Thu 01-Jan-2020 by builders
System image file is "disk0:/asa916.bin"
Config file at boot was "startup-config"

fw1 up 40 days 2 hours

Hardware:   ASA9999, 4096 MB RAM, CPU Atom C2000 series 1250 MHz, 1 CPU (4 cores)
Serial Number: JAD0000QWER
""",
    "show interface": """\
Interface GigabitEthernet1/1 "outside", is up, line protocol is up
  Hardware is Accelerator rev01, BW 1000 Mbps, DLY 10 usec
\tAuto-Duplex(Full-duplex), Auto-Speed(1000 Mbps)
\tMAC address 0200.5e00.0301, MTU 1500
\tIP address 198.51.100.2, subnet mask 255.255.255.0
""",
    "show arp": "\toutside 198.51.100.1 0200.5e00.0999 31\n",
}
VRP = {
    "display version": """\
Huawei Versatile Routing Platform Software
VRP (R) software, Version 5.170 (S9999 V200R021C00SPC600)
Copyright (C) 2000-2022 HUAWEI TECH Co., Ltd.
HUAWEI S9999-28P Routing Switch uptime is 3 weeks, 1 day, 2 hours, 5 minutes

ES5D2 0(Master)  : uptime is 3 weeks, 1 day, 2 hours, 4 minutes
""",
    "display esn": "ESN of slot 0: 2102350000ABCD000001\n",
    "display interface": """\
GigabitEthernet0/0/1 current state : UP
Line protocol current state : UP
Description:to core
Switch Port, PVID :    1, TPID : 8100(Hex), The Maximum Frame Length is 9216
IP Sending Frames' Format is PKTFMT_ETHNT_2, Hardware address is 0200-5e00-0401
Port Mode: COMMON COPPER
Speed : 1000,  Loopback: NONE
Duplex: FULL,  Negotiation: ENABLE
""",
    "display lldp neighbor": """\
GigabitEthernet0/0/1 has 1 neighbor(s):

Neighbor index                     : 1
Chassis type                       : MAC Address
Chassis ID                         : 0200-5e00-0999
Port ID type                       : Interface Name
Port ID                            : GigabitEthernet0/0/24
Port description                   : GigabitEthernet0/0/24
System name                        : core1
System description                 : made up
System capabilities supported      : bridge router
System capabilities enabled        : bridge router
Management address type            : IPv4
Management address value           : 192.0.2.1
OID                                : 0.6.15.43.6.1.4.1.2011.5.25.41.1.2.1.1.1.
Expired time                       : 104s
""",
    "display arp all": """\
IP ADDRESS      MAC ADDRESS     EXPIRE(M) TYPE        INTERFACE   VPN-INSTANCE
                                          VLAN/CEVLAN
------------------------------------------------------------------------------
192.0.2.77      0200-5e00-7777  12        D-0         GE0/0/1
------------------------------------------------------------------------------
Total:1         Dynamic:1       Static:0     Interface:0
""",
}
COMWARE = {
    "display arp": """\
  Type: S-Static   D-Dynamic   O-Openflow   R-Rule   M-Multiport  I-Invalid
IP address      MAC address    VLAN/VSI name Interface                Aging Type
192.0.2.77      0200-5e00-7777 1             GE1/0/1                  1100  D
""",
    "display version": """\
H3C Comware Software, Version 7.1.070, Release 6318P01
Copyright (c) 2004-2021 New H3C Technologies Co., Ltd. All rights reserved.
H3C S9999-28P uptime is 0 weeks, 4 days, 3 hours, 2 minutes
Last reboot reason : User reboot
""",
    "display device manuinfo": """\
Slot 1 CPU 0:
DEVICE_NAME          : S9999-28P
DEVICE_SERIAL_NUMBER : 219801A0000000000001
MAC_ADDRESS          : 0200-5E00-0500
MANUFACTURING_DATE   : 2021-01-01
VENDOR_NAME          : H3C
""",
    "display interface": """\
GigabitEthernet1/0/1
Current state: UP
Line protocol state: UP
Description: to core
Bandwidth: 1000000 kbps
Maximum transmission unit: 1500
IP packet frame type: Ethernet II, hardware address: 0200-5e00-0501
""",
    "display lldp neighbor-information verbose": """\
LLDP neighbor-information of port 1[GigabitEthernet1/0/1]:
LLDP agent nearest-bridge:
 LLDP neighbor index : 1
 Update time         : 0 days, 0 hours, 1 minutes, 1 seconds
 Chassis type        : MAC address
 Chassis ID          : 0200-5e00-0999
 Port ID type        : Interface name
 Port ID             : GigabitEthernet1/0/24
 Time to live        : 121
 Port description    : GigabitEthernet1/0/24 Interface
 System name         : core1
 System description  : made up
 Management address                : 192.0.2.1
 Management address interface type : IfIndex
 Port VLAN ID(PVID): 1
 Maximum frame size        : 10000
""",
}
RGOS = {
    "show version": """\
System description      : Ruijie 10G Ethernet Switch(S9999-48XS) By Ruijie Networks
System start time       : 2026-01-01 00:00:00
System uptime           : 12:03:04:05
System hardware version : 1.00
System software version : S9999_RGOS 12.5(4)B0101
System patch number     : NA
System serial number    : G1QH000000001
""",
    "show interface status": """\
Interface                                Status    Vlan    Duplex   Speed     Type
---------------------------------------- --------  ------  -------  --------- ------
TenGigabitEthernet 0/1                   up        1       Full     10G       fiber
TenGigabitEthernet 0/2                   disabled  1       Unknown  Unknown   fiber
""",
    "show lldp neighbors": """\
Capability codes:
    (R) Router, (B) Bridge, (T) Telephone, (C) DOCSIS Cable Device
System Name         Local Intf        Port ID           Capability   Aging-time
core1               Te0/1             Gi0/24            B,R          1minutes 41seconds
Total entries displayed: 1
""",
    "show arp": """\
Protocol  Address          Age(min)  Hardware        Type   Interface
Internet  192.0.2.77       3         0200.5e00.7777  arpa   VLAN 1
Total number of ARP entries: 1
""",
    "show mac-address-table": """\
Vlan        MAC Address          Type     Interface
----------  -------------------- -------- -------------------
1           0200.5e00.7777       DYNAMIC  TenGigabitEthernet 0/2
""",
}
JUNOS = {
    "set cli screen-width 511": "Screen width set to 511\n",
    "set cli screen-length 0": "Screen length set to 0\n",
    "set cli complete-on-space off": "Disabling complete-on-space\n",
    "show version": """\
Hostname: rt1
Model: mx9999
Junos: 21.4R3-S2.3
JUNOS OS Kernel 64-bit  [20220101.000000_builder_stable_12_214]
""",
    "show chassis hardware": """\
Hardware inventory:
Item             Version  Part number  Serial number     Description
Chassis                                JN00000000AA      MX9999
Midplane         REV 01   750-000000   AC0000            MX9999
""",
    "show interfaces": """\
Physical interface: ge-0/0/0, Enabled, Physical link is Up
  Interface index: 140, SNMP ifIndex: 510
  Description: to core
  Link-level type: Ethernet, MTU: 1514, Speed: 1000mbps
Physical interface: ge-0/0/1, Administratively down, Physical link is Down
  Interface index: 141, SNMP ifIndex: 511
  Link-level type: Ethernet, MTU: 1514, Speed: 1000mbps
""",
    "show lldp neighbors": """\
Local Interface    Parent Interface    Chassis Id          Port info          System Name
ge-0/0/0           -                   02:00:5e:00:09:99   ge-0/0/24          core1
""",
    "show arp no-resolve": """\
MAC Address       Address         Interface         Flags
02:00:5e:00:77:77 192.0.2.77      ge-0/0/0.0        none
Total entries: 1
""",
}
EOS = {
    "terminal width 511": "Width set to 511 columns.\n",
    "terminal length 0": "Pagination disabled.\n",
    "show version": """\
Arista DCS-9999X-48-F
Hardware version: 11.00
Serial number: SSJ00000001
Hardware MAC address: 0200.5e00.0600
System MAC address: 0200.5e00.0600

Software image version: 4.28.3M
Architecture: x86_64
Internal build version: 4.28.3M-1.1
Uptime: 1 week, 2 days, 3 hours and 4 minutes
Total memory: 8099732 kB
Free memory: 5099732 kB
""",
    "show interfaces": """\
Ethernet1 is up, line protocol is up (connected)
  Hardware is Ethernet, address is 0200.5e00.0601 (bia 0200.5e00.0601)
  Description: to spine
  Ethernet MTU 9214 bytes, BW 10000000 kbit
  Up 1 day, 2 hours
""",
    "show lldp neighbors detail": """\
Interface Ethernet1 detected 1 LLDP neighbors:

  Neighbor 0200.5e00.0999/Ethernet7, age 20 seconds
  Discovered 1 day, 2 hours ago; Last changed 1 day, 2 hours ago
  - Chassis ID type: MAC address (4)
    Chassis ID     : 0200.5e00.0999
  - Port ID type: Interface name(5)
    Port ID     : "Ethernet7"
  - Time To Live: 120 seconds
  - System Name: "spine1"
  - System Description: "made up"
  - Management Address Subtype: IPv4
    Management Address        : 192.0.2.9

""",
    "show mac address-table": """\
          Mac Address Table
------------------------------------------------------------------

Vlan    Mac Address       Type        Ports      Moves   Last Move
----    -----------       ----        -----      -----   ---------
   1    0200.5e00.7777    DYNAMIC     Et1        1       0:01:02 ago
Total Mac Addresses for this criterion: 1
""",
}
ZXROS = {
    "show version": """\
ZXR10 Router Operating System Software, ZTE Corporation
ZXR10 ROS Version V4.08.11 ZXR10 9999 Software, Version 2.8.02.C.31
Copyright (c) 2001-2020 by ZTE Corporation
System uptime is 3 days, 2 hours, 1 minutes
ZXR10 9999E
""",
    "show interface": "xgei-0/1/0/1 is up,  line protocol is up\n",
}
ROUTEROS = {
    "system resource print": """\
                   uptime: 3w2d1h7m
                  version: 7.12.1 (stable)
               build-time: Jan/01/2023 00:00:00
         factory-software: 6.44
              free-memory: 100.0MiB
             total-memory: 256.0MiB
                      cpu: ARM
                cpu-count: 2
                 cpu-load: 1%
        architecture-name: arm
               board-name: RB9999
                 platform: MikroTik
""",
    "system routerboard print": """\
       routerboard: yes
        board-name: RB9999
             model: RB9999iGS
     serial-number: HD0000000AA
     firmware-type: ipq4000
""",
    "system identity print": "  name: rt9\n",
    "interface print terse without-paging": """\
 0 R  name=ether1 default-name=ether1 type=ether mtu=1500 actual-mtu=1500 l2mtu=1598 mac-address=02:00:5E:00:07:01
 1 X  name=ether2 default-name=ether2 type=ether mtu=1500 actual-mtu=1500 l2mtu=1598 mac-address=02:00:5E:00:07:02
""",
    "ip neighbor print detail": ' 0 interface=ether1 address=192.0.2.1 address4=192.0.2.1 mac-address=02:00:5E:00:09:99 identity="core1" platform="MikroTik" version="7.1" unpack=none age=1s uptime=1d interface-name="ether9"\n',
}
